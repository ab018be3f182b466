// SPDX-License-Identifier: Apache-2.0
#include "support/check.h"
#include "tempdir.h"

#include <errno.h>
#include <fcntl.h>
#include <sdeistate/key.h>
#include <sdeistate/seal.h>

static const enum sdeistate_key_type types[] = { SDEISTATE_KEY_ED25519, SDEISTATE_KEY_P256,
						 SDEISTATE_KEY_P384 };

static void test_names_of_types(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		CHECK(sdeistate_key_type_find(sdeistate_key_type_name(types[i])) == types[i],
		      "a type is found by its name");
	CHECK(!sdeistate_key_type_name(9) && !sdeistate_key_type_find("rsa"),
	      "an unknown type has no name, an unknown name no type");
}

static void check_saved(const struct sdeistate_key *key, struct tempdir *dir)
{
	struct sdeistate_key *loaded = NULL;
	struct sdeistate_pub *pub = NULL, *crt = NULL;
	struct stat st = { 0 };

	CHECK(sdeistate_key_save(key, tempdir_at(dir, "a"), "host", 30, NULL) == 0,
	      "a key is saved");
	CHECK(stat(tempdir_at(dir, "a.key"), &st) == 0 && (st.st_mode & 0777) == 0600,
	      "the private file is its owner's");
	CHECK(tempdir_count(dir) == 3, "three files and no temporary one are left");
	REQUIRE(sdeistate_key_load(tempdir_at(dir, "a.key"), &loaded, NULL) == 0 &&
			sdeistate_pub_load(tempdir_at(dir, "a.pub"), &pub, NULL) == 0 &&
			sdeistate_pub_load(tempdir_at(dir, "a.crt"), &crt, NULL) == 0,
		"each of them is read again");
	CHECK(!memcmp(sdeistate_pub_id(pub), sdeistate_pub_id(sdeistate_key_pub(key)), 32) &&
		      !memcmp(sdeistate_pub_id(crt), sdeistate_pub_id(pub), 32) &&
		      !memcmp(sdeistate_pub_id(sdeistate_key_pub(loaded)), sdeistate_pub_id(pub),
			      32),
	      "and is the same key by its id");
	CHECK(sdeistate_pub_type(crt) == sdeistate_pub_type(sdeistate_key_pub(key)),
	      "and of the same type");
	CHECK(sdeistate_key_save(key, tempdir_at(dir, "a"), "host", 30, NULL) == -EEXIST,
	      "an existing file is not replaced");
	unlink(tempdir_at(dir, "a.key"));
	CHECK(sdeistate_key_save(key, tempdir_at(dir, "a"), "host", 30, NULL) == -EEXIST &&
		      tempdir_count(dir) == 2,
	      "a failed save removes what it had written");
	sdeistate_key_free(loaded);
	sdeistate_pub_free(pub);
	sdeistate_pub_free(crt);
}

static void test_a_key_is_saved_and_loaded(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct sdeistate_key *key = NULL;
		struct tempdir dir;

		REQUIRE(tempdir_make(&dir) == 0 &&
				sdeistate_key_generate(types[i], &key, NULL) == 0,
			"a key is generated");
		check_saved(key, &dir);
		sdeistate_key_free(key);
		tempdir_remove(&dir);
	}
}

static void test_a_signature_holds_for_what_was_signed(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct sdeistate_key *key = NULL, *other = NULL;
		struct sdeistate_buffer sig = { NULL, 0 };
		const struct sdeistate_pub *pub;
		struct sdeistate_error err;

		REQUIRE(sdeistate_key_generate(types[i], &key, NULL) == 0 &&
				sdeistate_key_generate(types[i], &other, NULL) == 0 &&
				sdeistate_sign(key, "t", "message", 7, &sig, NULL) == 0,
			"a message is signed");
		pub = sdeistate_key_pub(key);
		CHECK(sdeistate_verify(pub, "t", "message", 7, sig.data, sig.len, NULL) == 0,
		      "the right signature holds");
		CHECK(sdeistate_verify(pub, "t", "messagE", 7, sig.data, sig.len, &err) ==
				      -EKEYREJECTED &&
			      err.reason == SDEISTATE_BAD_SIGNATURE,
		      "not for another message");
		CHECK(sdeistate_verify(pub, "u", "message", 7, sig.data, sig.len, NULL) ==
			      -EKEYREJECTED,
		      "not for another type");
		CHECK(sdeistate_verify(pub, "t", "message", 7, sig.data, sig.len - 1, NULL) ==
			      -EKEYREJECTED,
		      "not cut short");
		CHECK(sdeistate_verify(pub, "t", "message", 7, NULL, 0, NULL) == -EKEYREJECTED,
		      "nothing is not a signature");
		CHECK(sdeistate_verify(sdeistate_key_pub(other), "t", "message", 7, sig.data,
				       sig.len, NULL) == -EKEYREJECTED,
		      "not by another key");
		sdeistate_buffer_free(&sig);
		sdeistate_key_free(key);
		sdeistate_key_free(other);
	}
}

/* RFC 8032 §7.1 signs raw bytes; here the bytes are DSSE's: checked against a value of openssl(1). */
static void test_the_signed_bytes_are_dsse(void)
{
	static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
				  "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
				  "-----END PUBLIC KEY-----\n";
	/* SHA-256 of the SubjectPublicKeyInfo of RFC 8032 §7.1 TEST 1 */
	static const uint8_t id_head[] = { 0x06, 0xe3, 0xfd, 0x8f, 0xda, 0x29, 0xbb, 0x60 };
	static const uint8_t signature[] = {
		0x46, 0xfc, 0x1a, 0x84, 0x3a, 0x13, 0x81, 0x65, 0xaa, 0x19, 0x69, 0x4f, 0x6a,
		0xc4, 0xe1, 0x15, 0x86, 0x13, 0x36, 0xba, 0x31, 0x6b, 0xfe, 0xc3, 0x99, 0xde,
		0xe0, 0xe7, 0x3e, 0x9a, 0x3f, 0xf9, 0x32, 0xf6, 0xe3, 0xf4, 0x8c, 0x62, 0x99,
		0x40, 0x82, 0x16, 0x7c, 0xd0, 0xc1, 0x4e, 0xa7, 0x84, 0x6a, 0x67, 0xf1, 0x7f,
		0x71, 0x9b, 0xec, 0x1f, 0xcd, 0xce, 0x21, 0x85, 0xb2, 0x03, 0x3a, 0x0b
	};
	struct sdeistate_pub *pub = NULL;

	REQUIRE(sdeistate_pub_parse(pem, strlen(pem), "rfc8032", &pub, NULL) == 0,
		"a public key is read from memory");
	CHECK(!memcmp(sdeistate_pub_id(pub), id_head, sizeof(id_head)),
	      "its id is the SHA-256 of its SubjectPublicKeyInfo");
	CHECK(!strcmp(sdeistate_pub_name(pub), "rfc8032"), "it has the name it was given");
	CHECK(sdeistate_verify(pub, "sdei-migrate/test", "hello", 5, signature, sizeof(signature),
			       NULL) == 0,
	      "a signature of openssl(1) over DSSEv1 17 sdei-migrate/test 5 hello holds");
	sdeistate_pub_free(pub);
}

static void test_bounds_of_a_message(void)
{
	char type[SDEISTATE_MAX_TYPE + 2];
	struct sdeistate_key *key = NULL;
	struct sdeistate_buffer sig = { NULL, 0 };

	REQUIRE(sdeistate_key_generate(SDEISTATE_KEY_ED25519, &key, NULL) == 0, "a key");
	memset(type, 't', sizeof(type));
	type[SDEISTATE_MAX_TYPE + 1] = '\0';
	CHECK(sdeistate_sign(key, type, "", 0, &sig, NULL) == -EINVAL, "a type has a maximum");
	type[SDEISTATE_MAX_TYPE] = '\0';
	CHECK(sdeistate_sign(key, type, "", 0, &sig, NULL) == 0, "which is allowed");
	sdeistate_buffer_free(&sig);
	CHECK(sdeistate_sign(key, "", "", 0, &sig, NULL) == -EINVAL, "there is always a type");
	CHECK(sdeistate_sign(key, "t", "", SDEISTATE_MAX_MESSAGE + 1u, &sig, NULL) == -EINVAL,
	      "a message has a maximum");
	sdeistate_key_free(key);
}

static void test_generate_refuses(void)
{
	struct sdeistate_key *key = NULL;

	CHECK(sdeistate_key_generate(9, &key, NULL) == -EINVAL && !key, "an unknown type");
	REQUIRE(sdeistate_key_generate(SDEISTATE_KEY_P256, &key, NULL) == 0, "a key");
	CHECK(sdeistate_key_save(key, "/nonexistent/a", "", 1, NULL) == -EINVAL, "an empty name");
	CHECK(sdeistate_key_save(key, "/nonexistent/a", "n", 0, NULL) == -EINVAL, "no validity");
	CHECK(sdeistate_key_save(key, "/nonexistent/a", "n", 36501, NULL) == -EINVAL,
	      "a validity of more than a century");
	CHECK(sdeistate_key_save(key, "/nonexistent/a", "n", 1, NULL) == -ENOENT,
	      "a folder that does not exist");
	sdeistate_key_free(key);
}

int main(void)
{
	return RUN_TESTS(test_names_of_types, test_a_key_is_saved_and_loaded,
			 test_a_signature_holds_for_what_was_signed, test_the_signed_bytes_are_dsse,
			 test_bounds_of_a_message, test_generate_refuses);
}
