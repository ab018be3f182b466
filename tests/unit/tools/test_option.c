// SPDX-License-Identifier: Apache-2.0
#include "common/cleanup.h"
#include "common/failure.h"
#include "common/option.h"

#include "support/check.h"

#include <errno.h>
#include <string.h>

struct args {
	bool flag;
	int loud;
	const char *key, *type, *file, *out;
	struct option_number vcpu, rate, size, least, any;
	struct option_list trust, rest, base;
};

static const struct option_row rows[] = {
	{ .name = "--smc", .offset = offsetof(struct args, flag), .type = OPTION_FLAG },
	{ .name = "--loud",
	  .letter = 'l',
	  .offset = offsetof(struct args, loud),
	  .type = OPTION_COUNT },
	{ .name = "--key",
	  .letter = 'k',
	  .argument = "FILE",
	  .offset = offsetof(struct args, key),
	  .type = OPTION_TEXT,
	  .required = true },
	{ .name = "--type",
	  .argument = "TYPE",
	  .offset = offsetof(struct args, type),
	  .type = OPTION_CHOICE,
	  .choices = "ed25519|p256",
	  .fallback = "ed25519" },
	{ .name = "--vcpu",
	  .argument = "N",
	  .offset = offsetof(struct args, vcpu),
	  .type = OPTION_NUMBER,
	  .max = 511 },
	{ .name = "--limit-rate",
	  .argument = "R",
	  .offset = offsetof(struct args, rate),
	  .type = OPTION_SIZE,
	  .min = 64 << 10 },
	{ .name = "--state",
	  .argument = "SIZE",
	  .offset = offsetof(struct args, size),
	  .type = OPTION_SIZE,
	  .min = 24 << 20,
	  .max = 128ull << 30 },
	{ .name = "--least",
	  .argument = "N",
	  .offset = offsetof(struct args, least),
	  .type = OPTION_NUMBER,
	  .min = 2 },
	{ .name = "--any",
	  .argument = "N",
	  .offset = offsetof(struct args, any),
	  .type = OPTION_NUMBER },
	{ .name = "--trust",
	  .argument = "PUB",
	  .offset = offsetof(struct args, trust),
	  .type = OPTION_LIST },
	{ .name = "FILE",
	  .offset = offsetof(struct args, file),
	  .type = OPTION_TEXT,
	  .required = true },
	{ .name = "X", .offset = offsetof(struct args, rest), .type = OPTION_LIST },
	{ .name = "--out",
	  .letter = 'o',
	  .argument = "FILE",
	  .offset = offsetof(struct args, out),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--base",
	  .argument = "FILE",
	  .offset = offsetof(struct args, base),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE },
	OPTION_END,
};

static const struct option_sources no_files = { .env_prefix = "OPTION_TEST_" };

/* Words up to NULL. */
static int parse(struct args *args, struct failure *failure, const struct option_sources *sources,
		 const char *const *word)
{
	const struct option_table table = { rows, args };
	char *argv[16];
	int argc = 0;

	memset(args, 0, sizeof(*args));
	for (; word[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)word[argc];
	return option_parse(&table, 1, argc, argv, sources, failure);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void release(struct args *args)
{
	const struct option_table table = { rows, args };

	option_release(&table);
}

static void test_good_lines(void)
{
	struct failure failure;
	struct args args;

	CHECK(parse(&args, &failure, &no_files,
		    WORDS("--smc", "-ll", "--key=a", "f", "--vcpu", "511", "-1", "--trust", "p",
			  "--trust", "q", "--limit-rate", "2M", "--", "--x")) == 0,
	      "every way to write an option is understood");
	CHECK(args.flag && args.loud == 2, "flags and counts");
	CHECK(strcmp(args.key, "a") == 0 && strcmp(args.file, "f") == 0, "texts");
	CHECK(strcmp(args.type, "ed25519") == 0, "what was not given has its default");
	CHECK(args.vcpu.given && args.vcpu.value == 511, "numbers, up to the bound");
	CHECK(args.rate.value == 2u << 20, "sizes");
	CHECK(args.trust.n == 2 && strcmp(args.trust.item[1], "q") == 0, "repeated options");
	CHECK(args.rest.n == 2 && strcmp(args.rest.item[0], "-1") == 0 &&
		      strcmp(args.rest.item[1], "--x") == 0,
	      "a negative number and what stands behind -- are arguments");
	release(&args);
	CHECK(parse(&args, &failure, &no_files, WORDS("-kb", "-")) == 0 &&
		      strcmp(args.key, "b") == 0 && strcmp(args.file, "-") == 0,
	      "a value may stick to its letter, and - is an argument");
	CHECK(!args.vcpu.given, "an absent number is seen to be absent");
	release(&args);
}

static void test_bounds_of_numbers(void)
{
	static const struct {
		const char *option, *value;
		const char *expected; /* NULL: it is taken */
	} row[] = {
		{ "--vcpu", "0", NULL },
		{ "--vcpu", "512", "a number from 0 to 511" },
		{ "--vcpu", "-1", "a number from 0 to 511" },
		{ "--vcpu", "x", "a number from 0 to 511" },
		{ "--vcpu", "1.5", "a number from 0 to 511" },
		{ "--vcpu", "1e9", "a number from 0 to 511" },
		{ "--vcpu", "18446744073709551616", "a number from 0 to 511" },
		{ "--vcpu", "", "a number from 0 to 511" },
		{ "--limit-rate", "64K", NULL },
		{ "--limit-rate", "65535", "a size, at least 64K" },
		{ "--limit-rate", "0", "a size, at least 64K" },
		{ "--limit-rate", "-1", "a size, at least 64K" },
		{ "--limit-rate", "17179869184G", "a size, at least 64K" },
		{ "--state", "24M", NULL },
		{ "--state", "128G", NULL },
		{ "--state", "137438953473", "a size from 24M to 128G" },
		{ "--least", "18446744073709551615", NULL },
		{ "--least", "1", "a number, at least 2" },
		{ "--least", "-1", "a number, at least 2" },
		{ "--any", "-1", NULL },
		{ "--any", "18446744073709551616", "a number of up to 64 bits" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct failure failure = { 0 };
		struct args args;
		int ret = parse(&args, &failure, &no_files,
				WORDS("-ka", "f", row[i].option, row[i].value));

		CHECK(ret == (row[i].expected ? -EINVAL : 0) &&
			      (!ret || (strcmp(failure.field, row[i].option) == 0 &&
					strcmp(failure.expected, row[i].expected) == 0 &&
					failure.actual[0])),
		      row[i].value);
		release(&args);
	}
}

static void test_bad_lines(void)
{
	static const struct {
		const char *promise;
		const char *word[6];
		const char *field;
	} row[] = {
		{ "a missing option is named", { "f" }, "--key" },
		{ "a missing argument is named", { "-k", "a" }, "FILE" },
		{ "a missing value is named", { "f", "--key" }, "--key" },
		{ "an unknown option", { "--keys", "a" }, "" },
		{ "an abbreviation is not an option", { "--ke", "a", "f" }, "" },
		{ "an unknown letter", { "-x" }, "" },
		{ "given twice", { "-ka", "-kb", "f" }, "--key" },
		{ "not one of the words", { "-ka", "f", "--type", "rsa" }, "--type" },
		{ "half a word is not the word", { "-ka", "f", "--type", "p25" }, "--type" },
		{ "not a number", { "-ka", "f", "--vcpu", "one" }, "--vcpu" },
		{ "a number beyond its bound", { "-ka", "f", "--vcpu", "512" }, "--vcpu" },
		{ "a flag with a value", { "-ka", "f", "--smc=1" }, "--smc" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct failure failure = { 0 };
		struct args args;

		CHECK(parse(&args, &failure, &no_files, row[i].word) == -EINVAL &&
			      failure.reason == SDEISTATE_USAGE &&
			      strcmp(failure.field, row[i].field) == 0,
		      row[i].promise);
		release(&args);
	}
}

static void test_other_sources_in_their_order(void)
{
	char user[] = "key\0user\0type\0p256", other[] = "key\0system\0smc\0yes\0trust\0a,b";
	const struct option_file file[] = { { .text = user, .len = sizeof(user) },
					    { .text = other, .len = sizeof(other) } };
	const struct option_sources sources = { "OPTION_TEST_", file, ARRAY_SIZE(file) };
	struct failure failure;
	struct args args;

	CHECK(parse(&args, &failure, &sources, WORDS("f")) == 0 && strcmp(args.key, "user") == 0,
	      "the user's file is stronger than the system's");
	CHECK(strcmp(args.type, "p256") == 0 && args.flag && args.trust.n == 2 &&
		      strcmp(args.trust.item[1], "b") == 0,
	      "and both are read");
	release(&args);
	setenv("OPTION_TEST_KEY", "variable", 1);
	setenv("OPTION_TEST_LIMIT_RATE", "64K", 1);
	CHECK(parse(&args, &failure, &sources, WORDS("f")) == 0 &&
		      strcmp(args.key, "variable") == 0 && args.rate.value == 64u << 10,
	      "the environment is stronger than files");
	release(&args);
	CHECK(parse(&args, &failure, &sources, WORDS("f", "-kline", "--trust", "c")) == 0 &&
		      strcmp(args.key, "line") == 0 && args.trust.n == 1,
	      "the command line is strongest, and replaces lists");
	release(&args);
	setenv("OPTION_TEST_VCPU", "many", 1);
	CHECK(parse(&args, &failure, &sources, WORDS("f")) == -EINVAL &&
		      strcmp(failure.field, "--vcpu") == 0,
	      "a wrong variable is an error that names the option");
	release(&args);
	unsetenv("OPTION_TEST_KEY");
	unsetenv("OPTION_TEST_LIMIT_RATE");
	unsetenv("OPTION_TEST_VCPU");
}

static void test_a_file_may_be_named_by_its_uri(void)
{
	struct args args;
	struct failure failure;

	CHECK(parse(&args, &failure, &no_files,
		    WORDS("-kfile:k", "f", "-ofile:/a/b", "--base", "file:c", "--base=./file:d")) ==
			      0 &&
		      strcmp(args.out, "/a/b") == 0 && args.base.n == 2 &&
		      strcmp(args.base.item[0], "c") == 0,
	      "file:PATH is PATH where a file is named");
	CHECK(strcmp(args.base.item[1], "./file:d") == 0,
	      "and a name that holds it elsewhere stays");
	CHECK(strcmp(args.key, "file:k") == 0, "as does what names no file");
	release(&args);
	CHECK(parse(&args, &failure, &no_files, WORDS("-kk", "f", "-ofile:")) == -EINVAL &&
		      strcmp(failure.field, "--out") == 0,
	      "file: alone names nothing");
	release(&args);
	setenv("OPTION_TEST_BASE", "file:a,b", 1);
	CHECK(parse(&args, &failure, &no_files, WORDS("-kk", "f")) == 0 && args.base.n == 2 &&
		      strcmp(args.base.item[0], "a") == 0 && strcmp(args.base.item[1], "b") == 0,
	      "in a list of the environment, too");
	release(&args);
	setenv("OPTION_TEST_BASE", "a,,b", 1);
	CHECK(parse(&args, &failure, &no_files, WORDS("-ka", "f")) == -EINVAL &&
		      strcmp(failure.field, "--base") == 0,
	      "nor does a list name an empty one");
	unsetenv("OPTION_TEST_BASE");
	release(&args);
}

static void test_configuration_file(void)
{
	char path[] = "/tmp/option-XXXXXX";
	struct option_file file;
	struct failure failure;
	const int fd = mkstemp(path);

	REQUIRE(fd >= 0, "there is a temporary directory");
	CHECK(dprintf(fd, "# comment\n\n key = a b \ntype=p256") > 0, "it can be written");
	CHECK(option_file_read(path, &file, &failure) == 0 && file.len == 18 &&
		      memcmp(file.text, "key\0a b\0type\0p256", 18) == 0,
	      "names and values come without the blanks around them");
	free(file.text);
	CHECK(dprintf(fd, "\nnonsense\n") > 0, "it can be written");
	CHECK(option_file_read(path, &file, &failure) == -EINVAL &&
		      strcmp(failure.actual, "nonsense") == 0,
	      "a line without = is named");
	free(file.text);
	close(fd);
	unlink(path);
	CHECK(option_file_read(path, &file, &failure) == 0 && file.len == 0,
	      "a missing file is an empty one");
}

int main(void)
{
	return RUN_TESTS(test_good_lines, test_bounds_of_numbers, test_bad_lines,
			 test_other_sources_in_their_order, test_a_file_may_be_named_by_its_uri,
			 test_configuration_file);
}
