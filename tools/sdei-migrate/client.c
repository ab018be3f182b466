// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <errno.h>
#include <string.h>

#define MAX_REPLY (32u << 20)

int client_failure(struct failure *failure, const struct transport_error *err)
{
	return failure_set(failure, failure_reason_find(err->reason), err->code, err->object,
			   err->field, err->expected, err->actual);
}

int client_fail(const struct tool *tool, const struct transport_error *err)
{
	struct failure failure;

	client_failure(&failure, err);
	return tool_fail(tool, &failure);
}

void client_close(struct transport_control **control)
{
	*control = transport_control_close(*control);
}

void client_free_buffer(struct transport_buffer *buffer)
{
	transport_buffer_free(buffer);
}

int client_model(struct transport_control *control, json_t *request, json_t **reply,
		 struct transport_error *err)
{
	OWNED_JSON json_t *owned = request;
	OWNED_MEMORY char *text = owned ? json_dumps(owned, JSON_COMPACT) : NULL;
	OWNED_BUFFER struct transport_buffer out = { .max = MAX_REPLY };
	json_error_t error;
	int ret;

	if (!text)
		return transport_error_fill(err, -ENOMEM, "no-memory", "model request", "", "|");
	ret = transport_control_model(control, text, strlen(text), &out, err);
	if (ret)
		return ret;
	*reply = json_loadb((const char *)out.data, out.len, JSON_DECODE_ANY, &error);
	if (*reply)
		return 0;
	return transport_error_fill(err, -EBADMSG, "protocol", "model reply", "", "JSON|%s",
				    error.text);
}

int client_ask(const struct tool *tool, const char *control, json_t *request)
{
	OWNED_CONTROL struct transport_control *opened = NULL;
	struct transport_error err;
	json_t *reply;
	int ret = transport_control_open(control, CLIENT_TIMEOUT_MS, &opened, &err);

	if (ret)
		json_decref(request);
	else
		ret = client_model(opened, request, &reply, &err);
	return ret ? client_fail(tool, &err) : tool_result(tool, reply);
}
