// SPDX-License-Identifier: Apache-2.0
/*
 * bench_constant_helper ADDRESS ID SIZE: a helper of QEMU's dbus-vmstate that returns constant bytes and takes any
 *
 * What riding along costs when there is nothing to do: bench/qemu.py measures the hook beside it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>

#define NAME "org.qemu.VMState1"
#define PATH "/org/qemu/VMState1"

struct constant {
	const char *id;
	void *bytes;
	size_t len;
};

static int get_id(sd_bus *bus, const char *path, const char *interface, const char *property,
		  sd_bus_message *reply, void *ctx, sd_bus_error *error)
{
	const struct constant *constant = ctx;

	(void)bus;
	(void)path;
	(void)interface;
	(void)property;
	(void)error;
	return sd_bus_message_append(reply, "s", constant->id);
}

static int save(sd_bus_message *message, void *ctx, sd_bus_error *error)
{
	const struct constant *constant = ctx;
	sd_bus_message *reply = NULL;
	int ret = sd_bus_message_new_method_return(message, &reply);

	(void)error;
	if (ret >= 0)
		ret = sd_bus_message_append_array(reply, 'y', constant->bytes, constant->len);
	if (ret >= 0)
		ret = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return ret;
}

static int load(sd_bus_message *message, void *ctx, sd_bus_error *error)
{
	const void *bytes;
	size_t len;
	int ret = sd_bus_message_read_array(message, 'y', &bytes, &len);

	(void)ctx;
	(void)error;
	return ret < 0 ? ret : sd_bus_reply_method_return(message, NULL);
}

static const sd_bus_vtable calls[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Id", "s", get_id, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_METHOD("Save", "", "ay", save, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Load", "ay", "", load, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static int open_bus(const char *address, struct constant *constant, sd_bus **made)
{
	sd_bus *bus;
	int ret = sd_bus_new(&bus);

	if (ret < 0)
		return ret;
	*made = bus;
	ret = sd_bus_set_address(bus, address);
	if (ret >= 0)
		ret = sd_bus_set_bus_client(bus, 1);
	if (ret >= 0)
		ret = sd_bus_start(bus);
	if (ret >= 0)
		ret = sd_bus_add_object_vtable(bus, NULL, PATH, NAME, calls, constant);
	return ret < 0 ? ret : sd_bus_request_name(bus, NAME, SD_BUS_NAME_QUEUE);
}

int main(int argc, char **argv)
{
	struct constant constant = { .id = argc == 4 ? argv[2] : NULL };
	sd_bus *bus = NULL;
	int ret;

	if (argc != 4) {
		fputs("usage: bench_constant_helper ADDRESS ID SIZE\n", stderr);
		return 2;
	}
	constant.len = strtoul(argv[3], NULL, 10);
	constant.bytes = calloc(constant.len + 1, 1);
	ret = constant.bytes ? open_bus(argv[1], &constant, &bus) : -1;
	if (ret >= 0)
		puts("ready");
	fflush(stdout);
	while (ret >= 0) {
		ret = sd_bus_process(bus, NULL);
		if (ret == 0)
			ret = sd_bus_wait(bus, UINT64_MAX);
	}
	sd_bus_flush_close_unref(bus);
	free(constant.bytes);
	return 0;
}
