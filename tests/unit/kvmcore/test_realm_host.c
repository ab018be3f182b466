// SPDX-License-Identifier: Apache-2.0
/*
 * What leaves a realm: RSI_HOST_CALL, and attestation tokens read chunk by chunk as Linux's arm-cca-guest does.
 */
#include "realm_vm.h"

#include <errno.h>
#include <kvmcore/token.h>

#define HOST_CALL      0xc4000199u
#define TOKEN_INIT     0xc4000194u
#define TOKEN_CONTINUE 0xc4000195u
#define EXTEND         0xc4000193u
#define SMCCC_VERSION  0x80000000u
#define VENDOR_UID     0x8600ff01u
#define VENDOR         0x86000042u /* a function nobody handles */
#define OK             0
#define INPUT          1
#define STATE          2
#define INCOMPLETE     3

/* The structure of a host call: imm, then x0 to x30. */
struct host_call {
	uint64_t imm;
	uint64_t x[31];
};

static struct realm_vm realm_with_filter(unsigned int v8, uint32_t id, uint8_t action)
{
	struct realm_vm r = realm_made(v8, NULL);

	CHECK(model_filter(&r.m, id, 1, action) == 0, "a filter");
	realm_bring(&r, ACTIVE);
	return r;
}

/* Ask for @id at @page; every register of the realm's own is different from what the page has. */
static uint64_t ask(struct realm_vm *r, uint64_t page, uint64_t id)
{
	struct host_call call = { .x = { id } };

	for (unsigned int n = 1; n < 31; n++)
		call.x[n] = 0xee00 + n;
	memcpy(r->ram, &call, sizeof(call));
	return SMC(r, HOST_CALL, page, 0x102, 0x103, 0x104, 0x105);
}

static uint64_t answer(const struct realm_vm *r, unsigned int n)
{
	struct host_call call;

	memcpy(&call, r->ram, sizeof(call));
	return call.x[n];
}

static bool kept(const struct realm_vm *r)
{
	return r->m.regs.x[1] == RAM && r->m.regs.x[2] == 0x102 && r->m.regs.x[5] == 0x105;
}

static const struct {
	const char *promise;
	uint32_t id;
	uint8_t action;
	bool answered; /* by v1 and v8 without a filter; else -1 */
} host_row[] = {
	{ "the call table answers", SMCCC_VERSION, KVM_SMCCC_FILTER_HANDLE, true },
	{ "a hypervisor service", VENDOR_UID, KVM_SMCCC_FILTER_HANDLE, true },
	{ "v8 denies what the filter denies", VENDOR_UID, KVM_SMCCC_FILTER_DENY, true },
	{ "a call nobody knows", VENDOR, KVM_SMCCC_FILTER_HANDLE, false },
	{ "PSCI is the monitor's", 0x84000000, KVM_SMCCC_FILTER_HANDLE, false },
	{ "SDEI is nobody's", 0xc4000020, KVM_SMCCC_FILTER_HANDLE, false },
	{ "nor is the MMIO guard", 0xc6000005, KVM_SMCCC_FILTER_HANDLE, false },
};

static void test_host_calls(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(host_row); i++)
		EACH_DIALECT(v8)
		{
			const bool denied = v8 && host_row[i].action == KVM_SMCCC_FILTER_DENY;
			struct realm_vm r =
				host_row[i].action
					? realm_with_filter(v8, host_row[i].id, host_row[i].action)
					: realm_in(v8, ACTIVE, NULL);

			CHECK(ask(&r, RAM, host_row[i].id) == OK, "the call is made");
			CHECK((answer(&r, 0) != ~0ULL) == (host_row[i].answered && !denied),
			      host_row[i].promise);
			CHECK(kept(&r) && answer(&r, 7) == 0xee07,
			      "the realm's registers are its own, and the page has the host's");
			CHECK(r.m.reply.exit == KVMCORE_EXIT_NONE, "the VMM hears nothing");
			realm_free(&r);
		}
}

static void test_bad_host_calls(void)
{
	struct realm_vm r = realm_in(0, ACTIVE, NULL);

	CHECK(ask(&r, RAM + 8, SMCCC_VERSION) == INPUT, "not at a multiple of 256");
	CHECK(ask(&r, SHARED, SMCCC_VERSION) == INPUT, "not in the shared half");
	CHECK(ask(&r, 0, SMCCC_VERSION) == INPUT, "not without memory");
	CHECK(ask(&r, ~0ULL << 8, SMCCC_VERSION) == INPUT, "not outside");
	CHECK(answer(&r, 0) == SMCCC_VERSION, "nothing is answered");
	realm_free(&r);
}

/* v8 forwards: the VMM sees the page's registers, answers in them, and the next entry brings it home. */
static void test_forwarded_host_call(void)
{
	struct realm_vm v1 = realm_with_filter(0, VENDOR, KVM_SMCCC_FILTER_FWD_TO_USER);
	struct realm_vm r = realm_with_filter(1, VENDOR, KVM_SMCCC_FILTER_FWD_TO_USER);

	CHECK(ask(&v1, RAM, VENDOR) == OK && v1.m.reply.exit == KVMCORE_EXIT_NONE &&
		      answer(&v1, 0) == ~0ULL,
	      "v1 has no filter here");
	CHECK(ask(&r, RAM, VENDOR) == VENDOR && r.m.regs.x[1] == 0xee01 && r.m.regs.x[17] == 0xee11,
	      "the VMM sees the page's registers");
	CHECK(r.m.reply.exit == KVMCORE_EXIT_HYPERCALL && r.m.reply.nr == VENDOR &&
		      r.m.reply.flags == KVM_HYPERCALL_EXIT_SMC,
	      "in an exit for a hypercall");
	CHECK(model_set_reg(&r.m, 0, KVMCORE_REG_X(0), 0x600d) == 0 &&
		      model_set_reg(&r.m, 0, KVMCORE_REG_X(3), 0x3333) == 0,
	      "it answers");
	CHECK(answer(&r, 0) == VENDOR, "which the realm sees no sooner");
	CHECK(kvmcore_run(r.m.vm, 0, false, &r.m.reply) == 0, "than it is entered");
	kvmcore_vcpu_regs_get(r.m.vm, 0, &r.m.regs);
	CHECK(answer(&r, 0) == 0x600d && answer(&r, 3) == 0x3333 && answer(&r, 17) == 0xee11,
	      "in the page");
	CHECK(r.m.regs.x[0] == OK && kept(&r), "and its registers are back");
	realm_free(&v1);
	realm_free(&r);
}

/* A token in chunks of @size; where each goes is as arm_cca_report_new() does it. Return: its length */
static size_t fetch(struct realm_vm *r, uint8_t byte, size_t size, uint8_t *token)
{
	uint64_t arg[8], status = INCOMPLETE;
	size_t len = 0, offset = 0;

	memset(arg, byte, sizeof(arg));
	CHECK(realm_smc(r, TOKEN_INIT, arg, 8) == OK && r->m.regs.x[1] == 8192, "INIT");
	while (status == INCOMPLETE && len < 8192) {
		const size_t room = PAGE - offset < size ? PAGE - offset : size;

		status = SMC(r, TOKEN_CONTINUE, RAM + PAGE, offset, room);
		memcpy(token + len, r->ram + PAGE + offset, r->m.regs.x[1]);
		CHECK(r->m.regs.x[1] == room || status == OK, "a chunk is as large as asked for");
		len += r->m.regs.x[1];
		offset = (offset + r->m.regs.x[1]) % PAGE;
	}
	CHECK(status == OK, "an end");
	CHECK(SMC(r, TOKEN_CONTINUE, RAM + PAGE, 0, PAGE) == STATE, "and nothing behind it");
	return len;
}

static int verify(const struct realm_vm *r, const struct kvmcore_token *token, uint8_t byte)
{
	struct kvmcore_realm_platform_key key;
	struct kvmcore_trust_anchor anchor = { .has_ids = true };
	struct kvmcore_token_verdict verdict;
	uint8_t challenge[64];
	const struct kvmcore_token_policy policy = { .anchor = &anchor,
						     .n_anchors = 1,
						     .challenge = challenge,
						     .challenge_len = sizeof(challenge) };
	struct model m = r->m;

	memset(challenge, byte, sizeof(challenge));
	CHECK(model_attr(&m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM,
			 KVMCORE_REALM_PLATFORM_KEY, &key) == 0 &&
		      kvmcore_public_key_from_point(key.point, key.len, &anchor.key) == 0,
	      "the host tells its key");
	CHECK(anchor.key.curve == (enum kvmcore_curve)key.curve, "and its curve");
	memcpy(anchor.implementation_id, key.implementation_id, 32);
	memcpy(anchor.instance_id, key.instance_id, 33);
	return kvmcore_token_verify(token, &policy, &verdict, NULL);
}

static void check_claims(struct realm_vm *r, const struct kvmcore_token *token)
{
	const struct kvmcore_realm_claims *claims = kvmcore_token_realm(token);
	const struct kvmcore_realm_info info = realm_info(r);

	CHECK(claims->rim.len == 32 && !memcmp(claims->rim.data, info.rim, 32), "its RIM");
	for (unsigned int i = 0; i < 4; i++)
		CHECK(claims->rem[i].len == 32 && !memcmp(claims->rem[i].data, info.rem[i], 32),
		      "its REMs");
	CHECK(claims->rpv.len == 64 && !memcmp(claims->rpv.data, info.rpv, 64), "its RPV");
}

static void test_tokens(void)
{
	static const size_t size[] = { PAGE, 1, 100, 1500 };
	struct realm_vm r = realm_in(0, ACTIVE, NULL);
	uint8_t bytes[8192 + PAGE];

	CHECK(SMC(&r, EXTEND, 2, 8, 0x1234) == OK, "a REM with a value");
	for (size_t i = 0; i < ARRAY_SIZE(size); i++) {
		struct kvmcore_token *token = NULL;
		const size_t len = fetch(&r, (uint8_t)(0xc0 + i), size[i], bytes);

		CHECK(kvmcore_token_parse(bytes, len, &token, NULL) == 0, "it is a token");
		if (!token)
			continue;
		CHECK(verify(&r, token, (uint8_t)(0xc0 + i)) == 0, "for this challenge");
		CHECK(verify(&r, token, 0x55) == -EKEYREJECTED, "and for no other");
		check_claims(&r, token);
		kvmcore_token_destroy(token);
	}
	realm_free(&r);
}

static void test_bad_chunks(void)
{
	const uint64_t challenge[8] = { 0 };
	struct realm_vm r = realm_in(0, ACTIVE, NULL);

	CHECK(SMC(&r, TOKEN_CONTINUE, RAM, 0, PAGE) == STATE, "no token was asked for");
	CHECK(realm_smc(&r, TOKEN_INIT, challenge, 8) == OK, "now one is");
	CHECK(SMC(&r, TOKEN_CONTINUE, RAM + 8, 0, 8) == INPUT, "not a page");
	CHECK(SMC(&r, TOKEN_CONTINUE, SHARED, 0, 8) == INPUT, "not its own");
	CHECK(SMC(&r, TOKEN_CONTINUE, 0, 0, 8) == INPUT, "no memory");
	CHECK(SMC(&r, TOKEN_CONTINUE, RAM, PAGE, 0) == INPUT, "an offset behind the page");
	CHECK(SMC(&r, TOKEN_CONTINUE, RAM, 1, PAGE) == INPUT, "an end behind it");
	CHECK(SMC(&r, TOKEN_CONTINUE, RAM, 1, ~0ULL) == INPUT, "a size that wraps");
	CHECK(SMC(&r, TOKEN_CONTINUE, RAM, 0, 0) == INCOMPLETE && r.m.regs.x[1] == 0, "no bytes");
	CHECK(realm_smc(&r, TOKEN_INIT, challenge, 8) == OK, "INIT starts again");
	CHECK(SMC(&r, TOKEN_CONTINUE, RAM, 0, 3) == INCOMPLETE && r.ram[0] == 0xd9,
	      "with the first byte, tag 399");
	realm_free(&r);
}

static void test_a_token_for_the_host(void)
{
	struct realm_vm r = realm_made(1, NULL);
	struct kvmcore_realm_token request = { .capacity = 8 };
	struct kvmcore_token *token = NULL;
	uint8_t bytes[8192];
	const uint64_t addr = (uintptr_t)bytes;

	request.ptr = addr;
	memset(request.challenge, 7, 64);
	CHECK(model_attr(&r.m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM, KVMCORE_REALM_TOKEN,
			 &request) == -EINVAL,
	      "not before creation");
	realm_bring(&r, NEW);
	CHECK(model_attr(&r.m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM, KVMCORE_REALM_TOKEN,
			 &request) == -ENOSPC &&
		      request.count > 500,
	      "how much room it takes");
	request.capacity = sizeof(bytes);
	CHECK(model_attr(&r.m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM, KVMCORE_REALM_TOKEN,
			 &request) == 0 &&
		      kvmcore_token_parse(bytes, request.count, &token, NULL) == 0,
	      "a token without a REC");
	if (token)
		CHECK(verify(&r, token, 7) == 0 && verify(&r, token, 8) == -EKEYREJECTED,
		      "for the host's challenge");
	kvmcore_token_destroy(token);
	CHECK(model_attr(&r.m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM, KVMCORE_REALM_TOKEN,
			 NULL) == -EFAULT,
	      "no struct");
	realm_free(&r);
}

int main(void)
{
	return RUN_TESTS(test_host_calls, test_bad_host_calls, test_forwarded_host_call,
			 test_tokens, test_bad_chunks, test_a_token_for_the_host);
}
