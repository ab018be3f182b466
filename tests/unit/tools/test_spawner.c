// SPDX-License-Identifier: Apache-2.0
#include "spawner.h"
#include "support/check.h"

#include <errno.h>
#include <string.h>

/* @expected: the words with a | behind each; NULL: refused. */
static bool splits(const char *command, const char *expected)
{
	char text[1024], got[1024] = "", *word[SPAWN_MAX_WORDS + 1];
	struct failure failure;

	snprintf(text, sizeof(text), "%s", command);
	if (spawn_split(text, word, &failure))
		return !expected && failure.reason == SDEISTATE_USAGE;
	for (size_t i = 0; word[i]; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s|", word[i]);
	return expected && strcmp(got, expected) == 0;
}

static void test_words_are_split_without_a_shell(void)
{
	CHECK(splits("a", "a|"), "one word");
	CHECK(splits("  a\tb\nc  ", "a|b|c|"), "blanks part words");
	CHECK(splits("a 'b c' d", "a|b c|d|"), "single quotes keep blanks");
	CHECK(splits("a \"b 'c\" d", "a|b 'c|d|"), "double quotes, too");
	CHECK(splits("a'b'\"c\"d", "abcd|"), "quotes do not part words");
	CHECK(splits("a '' \"\"", "a|||"), "an empty word");
	CHECK(splits("a\\ b \\'c \\\\", "a b|'c|\\|"), "a backslash keeps the next character");
	CHECK(splits("'a\\b' \"a\\b\" \"a\\\"b\\\\\"", "a\\b|a\\b|a\"b\\|"),
	      "in quotes only where it has to");
	CHECK(splits("$HOME *.c `a` a;b", "$HOME|*.c|`a`|a;b|"), "nothing else means anything");
}

static void test_what_is_no_command_is_refused(void)
{
	char many[2 * (SPAWN_MAX_WORDS + 1) + 1];

	CHECK(splits("", NULL) && splits(" \t\n", NULL), "no word");
	CHECK(splits("a 'b", NULL) && splits("a \"b", NULL), "an open quote");
	for (size_t i = 0; i < sizeof(many) - 1; i += 2)
		memcpy(many + i, "a ", 2);
	many[sizeof(many) - 1] = 0;
	CHECK(splits(many, NULL), "more than 64 words");
	many[sizeof(many) - 3] = 0;
	CHECK(!splits(many, NULL), "but not 64");
}

int main(void)
{
	return RUN_TESTS(test_words_are_split_without_a_shell, test_what_is_no_command_is_refused);
}
