/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtb_template.h - a VMM's device tree made from one that it made before
 *
 * The order of nodes, properties and names is the template's; only what follows the arguments
 * (docs/dtb.md) is written anew. It has to have every node and property that these arguments bring.
 */
#ifndef REALM_MEASURE_DTB_TEMPLATE_H
#define REALM_MEASURE_DTB_TEMPLATE_H

#include "vmm.h"

/**
 * dtb_template_patch() - @from with the values of @made
 * @from: a whole tree, checked with fdt_check_full()
 * @made: the tree that the tables give for the same arguments
 *
 * Return: 0, *@data owned; -EINVAL with a failure for a template that does not fit; -ENOMEM.
 */
int dtb_template_patch(struct vmm *vmm, const void *from, const void *made, uint8_t **data,
		       size_t *len);

#endif
