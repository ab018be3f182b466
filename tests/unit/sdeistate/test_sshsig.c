// SPDX-License-Identifier: Apache-2.0
#include "support/check.h"
#include "tempdir.h"

#include <errno.h>
#include <fcntl.h>
#include <sdeistate/key.h>
#include <sdeistate/seal.h>
#include <sys/wait.h>

static const enum sdeistate_key_type types[] = { SDEISTATE_KEY_ED25519, SDEISTATE_KEY_P256,
						 SDEISTATE_KEY_P384 };

/* Exit code of ssh-keygen -Y verify over the files of @dir; 127 without ssh-keygen. */
static int ssh_verify(const struct tempdir *dir, const char *message, const char *namespace)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		int in;

		if (chdir(dir->path))
			_exit(126);
		in = open(message, O_RDONLY);
		dup2(in, 0);
		in = open("/dev/null", O_WRONLY);
		dup2(in, 1);
		dup2(in, 2);
		execlp("ssh-keygen", "ssh-keygen", "-Y", "verify", "-f", "signers", "-I",
		       "host@example", "-n", namespace, "-s", "sig", (char *)NULL);
		_exit(127);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool has_ssh_keygen(void)
{
	struct tempdir dir;
	int code;

	if (tempdir_make(&dir))
		return false;
	code = ssh_verify(&dir, "/dev/null", "x");
	tempdir_remove(&dir);
	return code != 127;
}

static bool sign_into(const struct tempdir *dir, const struct sdeistate_key *key)
{
	struct sdeistate_buffer armour = { NULL, 0 }, line = { NULL, 0 };
	bool made = false;
	int fd;

	tempdir_write(dir, "message", "a sealed file\n", 0644);
	tempdir_write(dir, "other", "another file\n", 0644);
	fd = open(tempdir_at(dir, "message"), O_RDONLY);
	if (!sdeistate_sshsig(key, fd, &armour, NULL) &&
	    !sdeistate_ssh_signer(sdeistate_key_pub(key), "host@example", &line, NULL))
		made = !sdeistate_write_file(tempdir_at(dir, "sig"), armour.data, armour.len, 0644,
					     true, NULL) &&
		       !sdeistate_write_file(tempdir_at(dir, "signers"), line.data, line.len, 0644,
					     true, NULL);
	close(fd);
	sdeistate_buffer_free(&armour);
	sdeistate_buffer_free(&line);
	return made;
}

static void test_openssh_accepts_a_detached_signature(void)
{
	/* r and s have a leading zero in the wire form half of the time: try often */
	for (size_t i = 0; i < 8 * ARRAY_SIZE(types); i++) {
		struct sdeistate_key *key = NULL;
		struct tempdir dir;

		REQUIRE(tempdir_make(&dir) == 0 &&
				sdeistate_key_generate(types[i % 3], &key, NULL) == 0 &&
				sign_into(&dir, key),
			"a file is signed");
		CHECK(ssh_verify(&dir, "message", "sdei-migrate") == 0, "ssh-keygen accepts it");
		if (i < ARRAY_SIZE(types)) {
			CHECK(ssh_verify(&dir, "other", "sdei-migrate") != 0,
			      "not for another file");
			CHECK(ssh_verify(&dir, "message", "file") != 0, "not in another namespace");
		}
		sdeistate_key_free(key);
		tempdir_remove(&dir);
	}
}

static void test_what_cannot_be_signed_is_refused(void)
{
	static const char *const principal[] = { "", "two words", "a,b", "a\"b", "a\nb" };
	struct sdeistate_buffer out = { NULL, 0 };
	struct sdeistate_key *key = NULL;
	struct sdeistate_error err;

	REQUIRE(sdeistate_key_generate(SDEISTATE_KEY_ED25519, &key, NULL) == 0, "a key");
	CHECK(sdeistate_sshsig(key, -1, &out, &err) == -EBADF && err.reason == SDEISTATE_IO,
	      "a file that cannot be read");
	for (size_t i = 0; i < ARRAY_SIZE(principal); i++)
		CHECK(sdeistate_ssh_signer(sdeistate_key_pub(key), principal[i], &out, &err) ==
				      -EINVAL &&
			      err.reason == SDEISTATE_USAGE,
		      "a principal that would break the line");
	CHECK(!out.data, "and nothing comes of it");
	sdeistate_key_free(key);
}

int main(void)
{
	if (!has_ssh_keygen())
		return SKIP_TESTS("ssh-keygen is not installed (openssh-client)");
	return RUN_TESTS(test_openssh_accepts_a_detached_signature,
			 test_what_cannot_be_signed_is_refused);
}
