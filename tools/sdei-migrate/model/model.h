/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h - a model VM behind a control door
 */
#ifndef SDEI_MIGRATE_MODEL_MODEL_H
#define SDEI_MIGRATE_MODEL_MODEL_H

#include "machine.h"
#include "realm.h"

#include <sdeistate/delta.h>
#include <transport/control.h>

struct model {
	struct model_description *description; /* owned */
	struct machine *machine;               /* the VM; never NULL */
	struct machine *staged;                /* built by STAGE, becomes the VM at COMMIT */
	struct machine *spare; /* fresh, for the session that reserved; may be NULL */
	struct machine_identity spare_identity;
	struct sdeistate_base *given;      /* as it ran, what a session was told last; or NULL */
	size_t given_size;                 /* of its records */
	struct sdeistate_base *kept;       /* what REHEARSE made, for STAGE; or NULL */
	struct realm_spool spool;          /* what LOAD brought for STAGE */
	struct transport_vm_status status; /* what the protocol last said */
	bool touched;                      /* a guest or VMM action changed it since it was made */
};

/** model_ops() - the callbacks of a control server; their vm is a struct model */
const struct transport_control_ops *model_ops(void);

/**
 * model_new() - a running VM without history; takes @description, also when it fails
 *
 * Return: 0; the errors of machine_new().
 */
int model_new(struct model_description *description, struct model **model,
	      struct transport_error *err);

/** model_free() - takes NULL. Return: NULL */
struct model *model_free(struct model *model);

/**
 * model_request() - one model-only verb: a JSON object with "do", and what it asks for
 *
 * Requests and replies: docs/model.md. Return: 0 with *@reply owned by the caller; -EINVAL usage;
 * -EBUSY busy for what needs a running VM; -EPERM refused; -ENOMEM.
 */
int model_request(struct model *model, const json_t *request, json_t **reply,
		  struct transport_error *err);

/**
 * model_script() - carry out the description's script, in order, up to the first broken expectation
 *
 * Return: 0; -ESTALE differs, naming step, path, expected and actual; the errors of model_request().
 */
int model_script(struct model *model, struct transport_error *err);

#endif
