// SPDX-License-Identifier: Apache-2.0
#include "model/model.h"

#include "support/check.h"

#include <errno.h>
#include <string.h>

static const char four[] = "{\"vcpus\":[{},{},{},{}],\"exposed\":[{\"num\":\"0x400000\"}]}";

static struct model *make(const char *text)
{
	struct model_description *description = NULL;
	struct model *model = NULL;
	struct transport_error err;
	struct failure failure;
	json_t *json = json_loads(text, 0, NULL);

	if (description_parse(json, "test", &description, &failure) == 0)
		model_new(description, &model, &err);
	json_decref(json);
	return model;
}

static int ask(struct model *model, const char *request)
{
	struct transport_error err;
	json_t *json = json_loads(request, 0, NULL), *reply = NULL;
	const int ret = model_request(model, json, &reply, &err);

	json_decref(json);
	json_decref(reply);
	return ret;
}

static int capture(struct model *model, struct transport_buffer *out)
{
	struct transport_error err;
	int ret = model_ops()->pause(model, &err);

	if (ret == 0)
		ret = model_ops()->capture(model, TRANSPORT_CAPTURE_FINAL, NULL, out, &err);
	if (ret == 0)
		ret = model_ops()->resume(model, &err);
	return ret;
}

static void test_staging_is_all_or_nothing(void)
{
	struct transport_buffer records = { .max = 1u << 20 }, before = { .max = 1u << 20 },
				after = { .max = 1u << 20 };
	struct model *source = make(four), *other = make("{\"vcpus\":[{}]}");
	struct transport_stage stage = { .generation = 1 };
	const struct transport_id session = { { 1 } };
	uint8_t digest[TRANSPORT_DIGEST_SIZE];
	struct transport_error err;

	REQUIRE(source && other, "two VMs");
	CHECK(ask(source, "{\"do\":\"call\",\"vcpu\":1,\"fid\":\"SDEI_PE_UNMASK\"}") == 0,
	      "the source does something");
	REQUIRE(capture(source, &records) == 0 && capture(other, &before) == 0, "both are read");
	stage.records = (struct transport_state){ records.data, records.len };
	CHECK(model_ops()->reserve(other, &session, &err) == 0, "a fresh VM can be reserved");
	CHECK(model_ops()->stage(other, &stage, digest, &err) == -EOPNOTSUPP,
	      "a VM of another shape cannot take it");
	CHECK(!other->staged, "nothing is staged");
	CHECK(capture(other, &after) == 0 && after.len == before.len &&
		      memcmp(after.data, before.data, before.len) == 0,
	      "and it is what it was, to the byte");
	CHECK(model_ops()->commit(other, false, &err) == -EINVAL, "nothing can be committed");
	transport_buffer_free(&records);
	transport_buffer_free(&before);
	transport_buffer_free(&after);
	model_free(source);
	model_free(other);
}

static void test_a_staged_vm_waits_for_commit(void)
{
	struct transport_buffer records = { .max = 1u << 20 }, there = { .max = 1u << 20 };
	struct model *source = make(four), *other = make(four);
	struct transport_stage stage = { .generation = 0 };
	const struct transport_id session = { { 1 } };
	uint8_t digest[TRANSPORT_DIGEST_SIZE];
	struct transport_vm_info info;
	struct transport_error err;

	REQUIRE(source && other, "two VMs");
	ask(source, "{\"do\":\"call\",\"vcpu\":1,\"fid\":\"SDEI_PE_UNMASK\"}");
	ask(source, "{\"do\":\"mem\",\"action\":\"write\",\"ipa\":\"0x80001000\",\"data\":\"aa\"}");
	REQUIRE(capture(source, &records) == 0, "the source is read");
	stage.records = (struct transport_state){ records.data, records.len };
	CHECK(model_ops()->reserve(other, &session, &err) == 0 &&
		      model_ops()->stage(other, &stage, digest, &err) == 0,
	      "a fresh VM of the same shape takes it");
	CHECK(kvmcore_epoch(other->machine->core) % 2 == 0 &&
		      kvmcore_epoch(other->staged->core) % 2 == 0,
	      "neither the old nor the new one runs");
	CHECK(model_ops()->commit(other, true, &err) == 0 &&
		      kvmcore_epoch(other->machine->core) % 2 == 0,
	      "COMMIT may leave it paused");
	CHECK(model_ops()->resume(other, &err) == 0 && capture(other, &there) == 0 &&
		      there.len == records.len && memcmp(there.data, records.data, there.len) == 0,
	      "what is read there is what was sent, to the byte");
	CHECK(model_ops()->info(other, &info, &err) == 0 && info.model && info.n_vcpus == 4 &&
		      strcmp(info.profile, "spec") == 0,
	      "it says what it is");
	CHECK(model_ops()->reserve(other, &session, &err) == -EEXIST, "and takes no second state");
	transport_buffer_free(&records);
	transport_buffer_free(&there);
	model_free(source);
	model_free(other);
}

static void test_what_makes_a_vm_stale(void)
{
	static const struct {
		const char *promise, *request;
		int want;
	} row[] = {
		{ "looking leaves it fresh", "{\"do\":\"status\"}", 0 },
		{ "reading registers leaves it fresh", "{\"do\":\"regs\",\"vcpu\":0}", 0 },
		{ "a call does not", "{\"do\":\"call\",\"vcpu\":0,\"fid\":\"SDEI_VERSION\"}",
		  -EEXIST },
		{ "nor does writing memory",
		  "{\"do\":\"mem\",\"action\":\"write\",\"ipa\":\"0x80000000\",\"data\":\"00\"}",
		  -EEXIST },
		{ "nor a register", "{\"do\":\"regs\",\"vcpu\":0,\"set\":{\"x0\":\"0x1\"}}",
		  -EEXIST },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		const struct transport_id session = { { 1 } };
		struct model *model = make(four);
		struct transport_error err;

		REQUIRE(model && ask(model, row[i].request) == 0, "the request is done");
		CHECK(model_ops()->reserve(model, &session, &err) == row[i].want, row[i].promise);
		model_free(model);
	}
}

static void test_bad_requests(void)
{
	static const char *const row[] = {
		"[]",
		"{}",
		"{\"do\":7}",
		"{\"do\":\"fly\"}",
		"{\"do\":\"call\"}",
		"{\"do\":\"call\",\"vcpu\":0,\"fid\":\"SDEI_FLY\"}",
		"{\"do\":\"call\",\"vcpu\":0,\"fid\":0,\"args\":7}",
		"{\"do\":\"call\",\"vcpu\":0,\"fid\":0,\"args\":[\"x\"]}",
		"{\"do\":\"call\",\"vcpu\":0,\"fid\":0,\"imm\":65536}",
		"{\"do\":\"regs\",\"vcpu\":0,\"set\":{\"x31\":0}}",
		"{\"do\":\"attr\",\"action\":\"get\",\"group\":0,\"attr\":0,\"data\":\"0\"}",
		"{\"do\":\"attr\",\"action\":\"get\",\"group\":0,\"attr\":0,\"ptr\":7}",
		"{\"do\":\"ioctl\",\"nr\":0,\"data\":7}",
		"{\"do\":\"ioctl\",\"nr\":0,\"data\":\"00000000\",\"ptr\":\"00\"}",
		"{\"do\":\"mem\",\"action\":\"read\",\"ipa\":0,\"len\":1048577}",
		"{\"do\":\"mmio\",\"vcpu\":0,\"action\":\"read\",\"ipa\":0,\"len\":17}",
		"{\"do\":\"reg\",\"vcpu\":0,\"action\":\"set\",\"id\":0}",
	};
	struct model *model = make(four);

	REQUIRE(model != NULL, "a VM");
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		CHECK(ask(model, row[i]) == -EINVAL, row[i]);
	CHECK(ask(model, "{\"do\":\"run\",\"vcpu\":4}") == -EBADF, "there is no such vCPU");
	CHECK(!model->touched, "a refused request leaves the VM fresh");
	model_free(model);
}

int main(void)
{
	return RUN_TESTS(test_staging_is_all_or_nothing, test_a_staged_vm_waits_for_commit,
			 test_what_makes_a_vm_stale, test_bad_requests);
}
