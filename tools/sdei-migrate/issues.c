// SPDX-License-Identifier: Apache-2.0
#include "issues.h"

#include "client.h"

json_t *issues_json(const struct transport_issues *issues)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < issues->n_issues; i++) {
		const struct transport_error *issue = &issues->issue[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "reason",
						      issue->reason, "object", issue->object,
						      "field", issue->field, "expected",
						      issue->expected, "actual", issue->actual));
	}
	return list;
}

static void say_issue(const struct tool *tool, const struct transport_error *issue)
{
	tool_say(tool, "%s%s%s: expected %s, found %s", issue->object, *issue->field ? ", " : "",
		 issue->field, *issue->expected ? issue->expected : "-",
		 *issue->actual ? issue->actual : "-");
}

int issues_fail_as(const struct tool *tool, const struct transport_issues *issues,
		   struct failure *failure)
{
	json_t *json;

	if (issues->n_issues == 0)
		return tool_fail(tool, failure);
	if (issues->n_issues > 1)
		failure->reason = SDEISTATE_INCOMPATIBLE;
	if (!tool->json) {
		for (unsigned int i = 0; i < issues->n_issues; i++)
			say_issue(tool, &issues->issue[i]);
		return tool_fail(tool, failure);
	}
	json = failure_json(failure);
	json_object_set_new(json, "obstacles", issues_json(issues));
	if (tool_result(tool, json))
		return EXIT_CODE_FAILURE;
	return (int)failure_exit(failure->reason);
}

int issues_fail(const struct tool *tool, const struct transport_issues *issues)
{
	struct failure failure;

	client_failure(&failure, &issues->issue[0]);
	return issues_fail_as(tool, issues, &failure);
}
