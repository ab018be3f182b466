// SPDX-License-Identifier: Apache-2.0
/* With SoftHSM as the token and libp11's engine between it and OpenSSL; skipped without them. */
#include "sealed.h"
#include "support/check.h"
#include "tempdir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#define URI "pkcs11:token=test;object=signer;type=private"

static const char *const modules[] = { "/usr/lib/softhsm/libsofthsm2.so",
				       "/usr/lib64/softhsm/libsofthsm2.so",
				       "/usr/lib64/pkcs11/libsofthsm2.so" };

static int run(char *const argv[])
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool find_module(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++)
		if (!access(modules[i], R_OK))
			return !setenv("PKCS11_MODULE_PATH", modules[i], 1);
	return false;
}

/* A token of our own, in a directory of our own, with a key that was made outside. */
static bool make_token(struct tempdir *dir, struct sdeistate_key **outside,
		       enum sdeistate_key_type type)
{
	char *init[] = { "softhsm2-util", "--init-token", "--free",   "--label", "test",
			 "--pin",         "1234",         "--so-pin", "5678",    NULL };
	char key[PATH_MAX];
	char *import[] = { "softhsm2-util", "--import", key,  "--token", "test", "--label",
			   "signer",        "--id",     "01", "--pin",   "1234", NULL };
	char config[PATH_MAX + 64], tokens[PATH_MAX];

	snprintf(tokens, sizeof(tokens), "%s", tempdir_at(dir, "tokens"));
	snprintf(config, sizeof(config), "directories.tokendir = %s\n", tokens);
	if (mkdir(tokens, 0700) || tempdir_write(dir, "softhsm2.conf", config, 0600) ||
	    setenv("SOFTHSM2_CONF", tempdir_at(dir, "softhsm2.conf"), 1) ||
	    sdeistate_key_generate(type, outside, NULL) ||
	    sdeistate_key_save(*outside, tempdir_at(dir, "k"), "token", 1, NULL))
		return false;
	snprintf(key, sizeof(key), "%s", tempdir_at(dir, "k.key"));
	return run(init) == 0 && run(import) == 0;
}

static void remove_token(struct tempdir *dir)
{
	char *argv[] = { "rm", "-r", dir->path, NULL };

	run(argv);
}

static void check_token_key(const struct sdeistate_key *key, const struct sdeistate_key *outside)
{
	struct sdeistate_buffer sig = { NULL, 0 };

	CHECK(!memcmp(sdeistate_pub_id(sdeistate_key_pub(key)),
		      sdeistate_pub_id(sdeistate_key_pub(outside)), SDEISTATE_KEY_ID_SIZE),
	      "a key on a token has the same id");
	REQUIRE(sdeistate_sign(key, "t", "message", 7, &sig, NULL) == 0, "it signs");
	CHECK(sdeistate_verify(sdeistate_key_pub(outside), "t", "message", 7, sig.data, sig.len,
			       NULL) == 0,
	      "and its signature holds");
	sdeistate_buffer_free(&sig);
}

static void check_token(enum sdeistate_key_type type)
{
	struct sdeistate_key *outside = NULL, *key = NULL;
	struct sdeistate_error err = { 0 };
	struct tempdir dir;

	REQUIRE(tempdir_make(&dir) == 0 && make_token(&dir, &outside, type), "a token with a key");
	CHECK(sdeistate_key_load(URI "?pin-value=9999", &key, &err) == -ENOKEY &&
		      err.reason == SDEISTATE_NO_KEY,
	      "a wrong PIN gives no key");
	CHECK(sdeistate_key_load(URI, &key, &err) == -ENOKEY, "no PIN gives no key, and no prompt");
	CHECK(!strstr(err.object, "pin") && !strstr(err.actual, "9999"),
	      "an error does not repeat a PIN");
	REQUIRE(sdeistate_key_load(URI "?pin-value=1234", &key, &err) == 0, "the right one does");
	check_token_key(key, outside);
	sdeistate_key_free(key);
	sdeistate_key_free(outside);
	remove_token(&dir);
}

/* A process logs in once: what a second token says in the same process proves nothing. */
static enum sdeistate_key_type type_to_test;

static void test_a_key_on_a_token_signs(void)
{
	check_token(type_to_test);
}

int main(int argc, char **argv)
{
	struct sdeistate_key *key = NULL;
	struct sdeistate_error err = { 0 };

	if (!find_module())
		return SKIP_TESTS("no SoftHSM module (softhsm2)");
	if (sdeistate_key_load("pkcs11:token=none", &key, &err) == -ENOTSUP)
		return SKIP_TESTS("no PKCS#11 engine (libengine-pkcs11-openssl)");
	type_to_test = sdeistate_key_type_find(argc > 1 ? argv[1] : "p256");
	return RUN_TESTS(test_a_key_on_a_token_signs);
}
