// SPDX-License-Identifier: Apache-2.0
#include "support/check.h"
#include "tempdir.h"

#include <errno.h>
#include <sdeistate/key.h>
#include <sdeistate/seal.h>

static const char rsa_pub[] = "-----BEGIN PUBLIC KEY-----\n"
			      "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL7Vh9GBqptUqlPS6UW79o3gn6GWmDvq\n"
			      "4kabqyOKXCcma8l9z3vQnDJVu/7F8spTSFdG71XG+A0d8rJUr4qQY9ECAwEAAQ==\n"
			      "-----END PUBLIC KEY-----\n";

static const char encrypted[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
				"MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjSZN3shnE/awICCAAw\n"
				"DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEC1/mSV1A6/ICvgbvwSEPNkEQOMi\n"
				"b8mvt01HpVLfcoiV7sIfO7BW4f67wQKChkq1Uztn98E7GdPY47C6v+U/nPyLpsoV\n"
				"xCr/ChMRJL+YUnzFjG4=\n"
				"-----END ENCRYPTED PRIVATE KEY-----\n";

static struct sdeistate_key *saved_key(struct tempdir *dir, const char *prefix)
{
	struct sdeistate_key *key = NULL;

	if (sdeistate_key_generate(SDEISTATE_KEY_ED25519, &key, NULL) ||
	    sdeistate_key_save(key, tempdir_at(dir, prefix), "host", 1, NULL))
		return sdeistate_key_free(key);
	return key;
}

static void test_key_load_refuses_what_others_can_read(void)
{
	static const struct {
		mode_t mode;
		int want;
	} row[] = {
		{ 0600, 0 },      { 0400, 0 },      { 0640, -EPERM }, { 0604, -EPERM },
		{ 0620, -EPERM }, { 0602, -EPERM }, { 0610, -EPERM }, { 0644, -EPERM },
	};
	struct sdeistate_error err;
	struct tempdir dir;

	REQUIRE(tempdir_make(&dir) == 0, "a directory");
	sdeistate_key_free(saved_key(&dir, "a"));
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct sdeistate_key *key = NULL;
		int ret;

		chmod(tempdir_at(&dir, "a.key"), row[i].mode);
		ret = sdeistate_key_load(tempdir_at(&dir, "a.key"), &key, &err);
		CHECK(ret == row[i].want, "a private key file has mode 0600 or less");
		CHECK(!ret || err.reason == SDEISTATE_KEY_PERMISSIONS, "and the reason says so");
		sdeistate_key_free(key);
	}
	tempdir_remove(&dir);
}

static void test_key_load_refuses_what_is_no_key(void)
{
	struct sdeistate_key *key = NULL;
	struct sdeistate_error err;
	struct tempdir dir;
	char *large = calloc(1, SDEISTATE_MAX_KEY_FILE + 2);
	char target[PATH_MAX];

	REQUIRE(large && tempdir_make(&dir) == 0, "a directory");
	sdeistate_key_free(saved_key(&dir, "a"));
	snprintf(target, sizeof(target), "%s", tempdir_at(&dir, "a.key"));
	CHECK(symlink(target, tempdir_at(&dir, "link")) == 0 &&
		      sdeistate_key_load(tempdir_at(&dir, "link"), &key, &err) == -ELOOP &&
		      err.reason == SDEISTATE_IO,
	      "a symbolic link");
	CHECK(sdeistate_key_load(tempdir_at(&dir, "none"), &key, &err) == -ENOENT &&
		      err.reason == SDEISTATE_NO_KEY,
	      "a missing file");
	CHECK(sdeistate_key_load(dir.path, &key, &err) == -EINVAL && err.reason == SDEISTATE_IO,
	      "a directory");
	CHECK(mkfifo(tempdir_at(&dir, "fifo"), 0600) == 0 &&
		      sdeistate_key_load(tempdir_at(&dir, "fifo"), &key, &err) == -EINVAL,
	      "a FIFO, without waiting for it");
	CHECK(tempdir_write(&dir, "text", "no key\n", 0600) == 0 &&
		      sdeistate_key_load(tempdir_at(&dir, "text"), &key, &err) == -EBADMSG &&
		      err.reason == SDEISTATE_DAMAGED,
	      "a text");
	chmod(tempdir_at(&dir, "a.pub"), 0600);
	CHECK(sdeistate_key_load(tempdir_at(&dir, "a.pub"), &key, &err) == -EBADMSG,
	      "a public key");
	CHECK(tempdir_write(&dir, "enc", encrypted, 0600) == 0 &&
		      sdeistate_key_load(tempdir_at(&dir, "enc"), &key, &err) == -ENOTSUP &&
		      err.reason == SDEISTATE_INCOMPATIBLE,
	      "a key with a passphrase, without asking for it");
	memset(large, '\n', SDEISTATE_MAX_KEY_FILE);
	CHECK(tempdir_write(&dir, "max", large, 0600) == 0 &&
		      sdeistate_key_load(tempdir_at(&dir, "max"), &key, &err) == -EBADMSG,
	      "the largest file is still looked at");
	large[SDEISTATE_MAX_KEY_FILE] = '\n';
	CHECK(tempdir_write(&dir, "more", large, 0600) == 0 &&
		      sdeistate_key_load(tempdir_at(&dir, "more"), &key, &err) == -EFBIG &&
		      err.reason == SDEISTATE_OVER_LIMIT,
	      "a larger one is not");
	CHECK(!key, "and no key comes of any of them");
	free(large);
	tempdir_remove(&dir);
}

static void test_pub_load_refuses(void)
{
	struct sdeistate_pub *pub = NULL;
	struct sdeistate_error err;
	struct tempdir dir;

	REQUIRE(tempdir_make(&dir) == 0, "a directory");
	CHECK(tempdir_write(&dir, "rsa", rsa_pub, 0644) == 0 &&
		      sdeistate_pub_load(tempdir_at(&dir, "rsa"), &pub, &err) == -ENOTSUP &&
		      err.reason == SDEISTATE_INCOMPATIBLE,
	      "a key of another kind");
	CHECK(sdeistate_pub_load(tempdir_at(&dir, "none"), &pub, &err) == -ENOENT &&
		      err.reason == SDEISTATE_NO_KEY,
	      "a missing file");
	sdeistate_key_free(saved_key(&dir, "a"));
	CHECK(sdeistate_pub_load(tempdir_at(&dir, "a.key"), &pub, &err) == -EBADMSG,
	      "a private key in a public one's place");
	CHECK(!pub, "and no key comes of any of them");
	tempdir_remove(&dir);
}

static void test_a_trust_set_is_a_folder(void)
{
	struct sdeistate_trust *trust = NULL;
	struct sdeistate_key *key[3] = { NULL };
	struct sdeistate_error err;
	struct tempdir dir;

	REQUIRE(tempdir_make(&dir) == 0, "a directory");
	CHECK(sdeistate_trust_load(dir.path, &trust, &err) == -ENOENT &&
		      err.reason == SDEISTATE_NOTHING_TO_VERIFY,
	      "an empty folder trusts nobody, and says so");
	key[0] = saved_key(&dir, "a");
	key[1] = saved_key(&dir, "b");
	REQUIRE(key[0] && key[1] && sdeistate_key_generate(SDEISTATE_KEY_P256, &key[2], NULL) == 0,
		"three keys");
	unlink(tempdir_at(&dir, "b.pub"));
	tempdir_write(&dir, "README", "not a key\n", 0644);
	REQUIRE(sdeistate_trust_load(dir.path, &trust, NULL) == 0, "the folder is loaded");
	CHECK(sdeistate_trust_count(trust) == 2,
	      "a key and its certificate are one; private keys and other files are passed by");
	for (int i = 0; i < 3; i++)
		CHECK(!sdeistate_trust_find(trust, sdeistate_pub_id(sdeistate_key_pub(key[i]))) ==
			      (i == 2),
		      "who is in it is found");
	CHECK(sdeistate_trust_get(trust, 1) && !sdeistate_trust_get(trust, 2),
	      "they can be listed");
	sdeistate_trust_free(trust);
	tempdir_write(&dir, "c.pub", "not a key\n", 0644);
	CHECK(sdeistate_trust_load(dir.path, &trust, &err) == -EBADMSG,
	      "one damaged file fails all");
	CHECK(sdeistate_trust_load(tempdir_at(&dir, "a.crt"), &trust, NULL) == 0 &&
		      sdeistate_trust_count(trust) == 1,
	      "a single file is a set of one");
	sdeistate_trust_free(trust);
	for (int i = 0; i < 3; i++)
		sdeistate_key_free(key[i]);
	tempdir_remove(&dir);
}

static void test_trust_shares_the_keys_it_is_given(void)
{
	struct sdeistate_trust *trust = sdeistate_trust_new();
	struct sdeistate_pub *pub = NULL;
	struct sdeistate_buffer pem = { NULL, 0 };
	struct sdeistate_key *key = NULL;
	uint8_t id[SDEISTATE_KEY_ID_SIZE];

	REQUIRE(trust && sdeistate_key_generate(SDEISTATE_KEY_P384, &key, NULL) == 0 &&
			sdeistate_pub_pem(sdeistate_key_pub(key), &pem, NULL) == 0 &&
			sdeistate_pub_parse(pem.data, pem.len, NULL, &pub, NULL) == 0,
		"a key as PEM and back");
	memcpy(id, sdeistate_pub_id(pub), sizeof(id));
	CHECK(sdeistate_trust_add(trust, pub, NULL) == 0 &&
		      sdeistate_trust_add(trust, pub, NULL) == 0 &&
		      sdeistate_trust_count(trust) == 1,
	      "the same key twice is one");
	sdeistate_pub_free(pub);
	CHECK(sdeistate_trust_find(trust, id), "it outlives the caller's reference");
	sdeistate_trust_free(trust);
	sdeistate_buffer_free(&pem);
	sdeistate_key_free(key);
}

static void test_write_file_is_all_or_nothing(void)
{
	struct sdeistate_error err;
	struct tempdir dir;
	struct stat st;

	REQUIRE(tempdir_make(&dir) == 0, "a directory");
	CHECK(sdeistate_write_file(tempdir_at(&dir, "f"), "one", 3, 0640, false, NULL) == 0 &&
		      stat(tempdir_at(&dir, "f"), &st) == 0 && st.st_size == 3,
	      "a new file");
	CHECK(sdeistate_write_file(tempdir_at(&dir, "f"), "four", 4, 0640, false, &err) ==
			      -EEXIST &&
		      err.reason == SDEISTATE_USAGE && stat(tempdir_at(&dir, "f"), &st) == 0 &&
		      st.st_size == 3,
	      "an existing one stands unless it may be replaced");
	CHECK(sdeistate_write_file(tempdir_at(&dir, "f"), "four", 4, 0600, true, NULL) == 0 &&
		      stat(tempdir_at(&dir, "f"), &st) == 0 && st.st_size == 4,
	      "and then is");
	CHECK(sdeistate_write_file("/nonexistent/f", "", 0, 0600, true, &err) == -ENOENT &&
		      err.reason == SDEISTATE_IO,
	      "a missing folder is an error");
	CHECK(tempdir_count(&dir) == 1, "no temporary file is left");
	tempdir_remove(&dir);
}

int main(void)
{
	return RUN_TESTS(test_key_load_refuses_what_others_can_read,
			 test_key_load_refuses_what_is_no_key, test_pub_load_refuses,
			 test_a_trust_set_is_a_folder, test_trust_shares_the_keys_it_is_given,
			 test_write_file_is_all_or_nothing);
}
