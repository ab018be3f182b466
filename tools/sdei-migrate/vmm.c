// SPDX-License-Identifier: Apache-2.0
#include "vmm.h"

#include <errno.h>
#include <stdio.h>

_Static_assert(TRANSPORT_DIGEST_SIZE == SDEISTATE_DIGEST_SIZE, "both speak of the same digest");

static void free_state(struct sdeistate **state)
{
	sdeistate_free(*state);
}

int vmm_error(struct transport_error *err, const struct sdeistate_error *error)
{
	const char *reason = sdeistate_reason_name(error->reason);

	if (!err)
		return error->code;
	*err = (struct transport_error){ .code = error->code };
	snprintf(err->reason, sizeof(err->reason), "%s", reason ? reason : "internal");
	snprintf(err->object, sizeof(err->object), "%s", error->object);
	snprintf(err->field, sizeof(err->field), "%s", error->field);
	snprintf(err->expected, sizeof(err->expected), "%s", error->expected);
	snprintf(err->actual, sizeof(err->actual), "%s", error->actual);
	return error->code;
}

int vmm_read(const struct kvm_port *port, const struct sdeistate_capture_options *options,
	     struct sdeistate **state, struct transport_error *err)
{
	__attribute__((cleanup(free_state))) struct sdeistate *captured = NULL;
	struct sdeistate_error error;

	if (sdeistate_capture(port, options, &captured, &error) ||
	    sdeistate_validate(captured, &error))
		return vmm_error(err, &error);
	*state = captured;
	captured = NULL;
	return 0;
}

int vmm_give(struct transport_buffer *out, const struct sdeistate_buffer *stream,
	     struct transport_error *err)
{
	if (transport_buffer_append(out, stream->data, stream->len) == 0)
		return 0;
	return transport_error_fill(err, -E2BIG, "over-limit", "captured state", "size",
				    "at most %zu bytes|%zu", out->max, stream->len);
}

int vmm_capture(const struct kvm_port *port, const struct sdeistate_capture_options *options,
		struct transport_buffer *out, struct transport_error *err)
{
	__attribute__((cleanup(free_state))) struct sdeistate *state = NULL;
	__attribute__((cleanup(sdeistate_buffer_free))) struct sdeistate_buffer stream = { 0 };
	struct sdeistate_error error;
	int ret = vmm_read(port, options, &state, err);

	if (ret)
		return ret;
	if (sdeistate_encode(state, &stream, &error))
		return vmm_error(err, &error);
	return vmm_give(out, &stream, err);
}

int vmm_decode(const struct transport_state *records, struct sdeistate **state,
	       struct transport_error *err)
{
	__attribute__((cleanup(free_state))) struct sdeistate *decoded = NULL;
	struct sdeistate_error error;

	if (sdeistate_decode(records->data, records->len, &decoded, &error) ||
	    sdeistate_validate(decoded, &error))
		return vmm_error(err, &error);
	*state = decoded;
	decoded = NULL;
	return 0;
}

int vmm_check(const struct kvm_port *port, const struct sdeistate *state,
	      struct transport_issues *issues, struct transport_error *err)
{
	__attribute__((
		cleanup(sdeistate_obstacles_free))) struct sdeistate_obstacles obstacles = { 0 };
	const bool is_base = state->kind == SDEISTATE_BASE;
	struct sdeistate as_final = *state;
	struct sdeistate_error error;
	int ret;

	if (is_base) {
		as_final.kind = SDEISTATE_FINAL;
		as_final.torn = false;
		as_final.n_exits = 0;
	}
	issues->n_issues = 0;
	ret = sdeistate_check(&as_final, port, &obstacles, &error);
	if (ret && ret != -EOPNOTSUPP)
		return is_base ? 0 : vmm_error(err, &error);
	for (unsigned int i = 0; i < obstacles.n && i < TRANSPORT_CONTROL_MAX_ISSUES; i++)
		vmm_error(&issues->issue[issues->n_issues++], &obstacles.list[i]);
	return 0;
}

int vmm_stage(const struct kvm_port *port, const struct sdeistate *state,
	      const struct sdeistate_realm_source *contents, uint8_t *digest,
	      struct transport_error *err)
{
	struct sdeistate_error error;

	if (sdeistate_replay_realm(state, port, contents, &error) ||
	    sdeistate_prove(state, port, digest, &error))
		return vmm_error(err, &error);
	return 0;
}
