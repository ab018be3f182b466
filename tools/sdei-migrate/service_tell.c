// SPDX-License-Identifier: Apache-2.0
#include "service.h"

#include "advice.h"
#include "client.h"

#include <string.h>

static json_t *visit_json(const struct visit_result *result, bool insecure)
{
	const struct transport_offer *offer = &result->visit.offer;
	const bool committed = result->state == TRANSPORT_SESSION_COMMITTED;

	if (result->visit.resolve)
		return json_pack("{s:s, s:o, s:s}", "event", "resolved", "session",
				 id_json(&offer->session), "outcome",
				 transport_outcome_name(result->visit.answered));
	return json_pack("{s:s, s:s, s:i, s:o, s:o, s:s, s:I, s:b}", "event", "session", "reason",
			 "ok", "exit", 0, "session", id_json(&offer->session), "vm",
			 id_json(&offer->vm.uuid), "state",
			 !committed           ? "aborted"
			 : result->visit.held ? "paused"
					      : "running",
			 "blob_bytes", (json_int_t)result->visit.times.blob_size, "insecure",
			 insecure);
}

int service_tell(const struct tool *tool, const struct visit_result *result, bool insecure)
{
	struct failure failure;
	json_t *json;
	int code;

	if (result->ret == 0)
		return tool_event(tool, visit_json(result, insecure));
	client_failure(&failure, &result->error);
	failure.vm_destination = result->state == TRANSPORT_SESSION_COMMITTED ? "running"
				 : result->state == TRANSPORT_SESSION_PENDING ||
						 result->state == TRANSPORT_SESSION_IN_DOUBT
					 ? "unknown"
					 : "none";
	failure.vm_source = "unknown";
	failure.side = result->peers_error ? FAILURE_SOURCE : FAILURE_LOCAL;
	failure.advice = strcmp(failure.vm_destination, "unknown") == 0
				 ? "Keep both VMs as they are and run resolve with the session's "
				   "id on the source."
				 : advice_destination(&failure);
	code = (int)failure_exit(failure.reason);
	json = failure_json(&failure);
	if (json) {
		json_object_set_new(json, "event", json_string("session"));
		json_object_set_new(json, "session", id_json(&result->visit.offer.session));
		json_object_set_new(json, "state",
				    json_string(transport_session_state_name(result->state)));
	}
	tool_event(tool, json);
	tool_say(tool, "%s: %s%s%s; the VM here: %s. %s", failure_meaning(failure.reason),
		 failure.object, failure.field[0] ? ", " : "", failure.field,
		 failure.vm_destination, failure_advice(&failure));
	return code;
}
