/* SPDX-License-Identifier: Apache-2.0 */
/*
 * input.h - where a list of steps comes from, for every command
 */
#ifndef REALM_MEASURE_INPUT_H
#define REALM_MEASURE_INPUT_H

#include "common/option.h"
#include "common/progress.h"
#include "common/tool.h"
#include "snapshot.h"
#include "vmm.h"

#define INPUT_MAX_FILE (256u << 20)

/* The options that say it; embedded in the arguments of a verb. */
struct input_args {
	const char *script, *json_input, *log, *snapshot, *key, *rule;
	struct option_list anchor; /* whom to believe a snapshot, or a token */
	struct option_list image;  /* files that digests of a log may stand for */
	const char *kernel, *initrd, *firmware, *dtb, *dtb_template, *output_dtb, *hash_algo, *pmu,
		*lpa2;
	struct option_list config;
	struct option_number ipa_bits, num_bps, num_wps, pmu_num_ctrs, sve_vl, threads, progress_fd;
	struct option_list vmm; /* the VMM's name and its arguments */
};

struct input {
	struct steps steps;
	struct snapshot snapshot; /* empty but for --snapshot */
	bool stated; /* of a snapshot without pages: nothing can be computed, it only says */
	struct vmm_report report;
	bool is_script;
};

/** input_load() - read what the options name. Return: 0; -errno with @failure */
int input_load(const struct input_args *args, struct input *input, struct failure *failure);

/** input_load_any() - a script, a description or an event log, by its content. Return as above */
int input_load_any(const char *path, const struct input_args *args, struct input *input,
		   struct failure *failure);

/** input_given() - how many sources the options name */
unsigned int input_given(const struct input_args *args);

/** input_free() - all zero is allowed */
void input_free(struct input *input);

#define input_cleanup __attribute__((cleanup(input_free)))

/** input_from_core() - a failure of the core, for the user. Return: its code */
int input_from_core(struct failure *failure, enum sdeistate_reason reason,
		    const struct kvmcore_error *err);

/* Rows for the option table of a verb whose arguments hold an input_args called @member. */
#define INPUT_FILE_ROWS(T, m)                                                                    \
	{ .name = "--script",                                                                    \
	  .argument = "FILE",                                                                    \
	  .help = "build steps, one a line",                                                     \
	  .offset = offsetof(T, m.script),                                                       \
	  .type = OPTION_TEXT,                                                                   \
	  .names = OPTION_NAMES_FILE },                                                          \
		{ .name = "--json-input",                                                        \
		  .argument = "FILE",                                                            \
		  .help = "build steps as JSON",                                                 \
		  .offset = offsetof(T, m.json_input),                                           \
		  .type = OPTION_TEXT,                                                           \
		  .names = OPTION_NAMES_FILE },                                                  \
		{ .name = "--rule",                                                              \
		  .argument = "RULE",                                                            \
		  .help = "which RMM measures (default: 1.0)",                                   \
		  .offset = offsetof(T, m.rule),                                                 \
		  .type = OPTION_CHOICE,                                                         \
		  .choices = "1.0|bet0|2.0" },                                                   \
		{ .name = "--threads",                                                           \
		  .argument = "N",                                                               \
		  .help = "threads that hash (default: one per core)",                           \
		  .offset = offsetof(T, m.threads),                                              \
		  .type = OPTION_NUMBER,                                                         \
		  .min = 1,                                                                      \
		  .max = 64 },                                                                   \
	{                                                                                        \
		.name = "--progress-fd", .argument = "N",                                        \
		.help = "write JSON progress lines there", .offset = offsetof(T, m.progress_fd), \
		.type = OPTION_NUMBER, .max = PROGRESS_MAX_FD                                    \
	}

#define INPUT_LOG_ROWS(T, m)                                                                    \
	{ .name = "--log",                                                                      \
	  .argument = "FILE",                                                                   \
	  .help = "a TCG2 event log of the realm",                                              \
	  .offset = offsetof(T, m.log),                                                         \
	  .type = OPTION_TEXT,                                                                  \
	  .names = OPTION_NAMES_FILE },                                                         \
	{                                                                                       \
		.name = "--image", .argument = "FILE",                                          \
		.help = "an image that the log may name by its digest; may be given again",     \
		.offset = offsetof(T, m.image), .type = OPTION_LIST, .names = OPTION_NAMES_FILE \
	}

#define INPUT_VMM_ROWS(T, m)                                                                    \
	{ .name = "--kernel",                                                                   \
	  .letter = 'k',                                                                        \
	  .argument = "FILE",                                                                   \
	  .help = "arm64 Image, gzip or not",                                                   \
	  .offset = offsetof(T, m.kernel),                                                      \
	  .type = OPTION_TEXT,                                                                  \
	  .names = OPTION_NAMES_FILE },                                                         \
		{ .name = "--initrd",                                                           \
		  .letter = 'i',                                                                \
		  .argument = "FILE",                                                           \
		  .help = "initial RAM disk",                                                   \
		  .offset = offsetof(T, m.initrd),                                              \
		  .type = OPTION_TEXT,                                                          \
		  .names = OPTION_NAMES_FILE },                                                 \
		{ .name = "--firmware",                                                         \
		  .letter = 'f',                                                                \
		  .argument = "FILE",                                                           \
		  .help = "firmware image",                                                     \
		  .offset = offsetof(T, m.firmware),                                            \
		  .type = OPTION_TEXT,                                                          \
		  .names = OPTION_NAMES_FILE },                                                 \
		{ .name = "--dtb",                                                              \
		  .argument = "FILE",                                                           \
		  .help = "measure this device tree as it is",                                  \
		  .offset = offsetof(T, m.dtb),                                                 \
		  .type = OPTION_TEXT,                                                          \
		  .names = OPTION_NAMES_FILE },                                                 \
		{ .name = "--dtb-template",                                                     \
		  .argument = "FILE",                                                           \
		  .help = "a tree of the VMM in which only what follows the arguments changes", \
		  .offset = offsetof(T, m.dtb_template),                                        \
		  .type = OPTION_TEXT,                                                          \
		  .names = OPTION_NAMES_FILE },                                                 \
		{ .name = "--output-dtb",                                                       \
		  .argument = "FILE",                                                           \
		  .help = "write the device tree there",                                        \
		  .offset = offsetof(T, m.output_dtb),                                          \
		  .type = OPTION_TEXT,                                                          \
		  .names = OPTION_NAMES_FILE },                                                 \
		{ .name = "--config",                                                           \
		  .letter = 'c',                                                                \
		  .argument = "FILE",                                                           \
		  .help = "what the host has, TOML or JSON; each file can only lower it",       \
		  .offset = offsetof(T, m.config),                                              \
		  .type = OPTION_LIST,                                                          \
		  .names = OPTION_NAMES_FILE },                                                 \
		{ .name = "--ipa-bits",                                                         \
		  .argument = "N",                                                              \
		  .help = "IPA bits of the host, 32 to 52",                                     \
		  .offset = offsetof(T, m.ipa_bits),                                            \
		  .type = OPTION_NUMBER,                                                        \
		  .min = 32,                                                                    \
		  .max = 52 },                                                                  \
		{ .name = "--num-bps",                                                          \
		  .argument = "N",                                                              \
		  .help = "breakpoints of the host, 2 to 64",                                   \
		  .offset = offsetof(T, m.num_bps),                                             \
		  .type = OPTION_NUMBER,                                                        \
		  .min = 2,                                                                     \
		  .max = 64 },                                                                  \
		{ .name = "--num-wps",                                                          \
		  .argument = "N",                                                              \
		  .help = "watchpoints of the host, 2 to 64",                                   \
		  .offset = offsetof(T, m.num_wps),                                             \
		  .type = OPTION_NUMBER,                                                        \
		  .min = 2,                                                                     \
		  .max = 64 },                                                                  \
		{ .name = "--pmu-num-ctrs",                                                     \
		  .argument = "N",                                                              \
		  .help = "PMU counters of the host, 0 to 31",                                  \
		  .offset = offsetof(T, m.pmu_num_ctrs),                                        \
		  .type = OPTION_NUMBER,                                                        \
		  .max = 31 },                                                                  \
		{ .name = "--sve-vl",                                                           \
		  .argument = "BITS",                                                           \
		  .help = "SVE vector bits: 0, or 128 to 2048",                                 \
		  .offset = offsetof(T, m.sve_vl),                                              \
		  .type = OPTION_NUMBER,                                                        \
		  .max = 2048 },                                                                \
		{ .name = "--pmu",                                                              \
		  .argument = "BOOL",                                                           \
		  .help = "whether the host has a PMU for realms",                              \
		  .offset = offsetof(T, m.pmu),                                                 \
		  .type = OPTION_CHOICE,                                                        \
		  .choices = "true|false|yes|no|on|off" },                                      \
		{ .name = "--lpa2",                                                             \
		  .argument = "BOOL",                                                           \
		  .help = "whether the host has LPA2",                                          \
		  .offset = offsetof(T, m.lpa2),                                                \
		  .type = OPTION_CHOICE,                                                        \
		  .choices = "true|false|yes|no|on|off" },                                      \
		{ .name = "--hash-algo",                                                        \
		  .argument = "NAME",                                                           \
		  .help = "hash where the VMM says none",                                       \
		  .offset = offsetof(T, m.hash_algo),                                           \
		  .type = OPTION_CHOICE,                                                        \
		  .choices = "sha256|sha384|sha512|sha-256|sha-384|sha-512" },                  \
	{                                                                                       \
		.name = "VMM", .help = "qemu, kvmtool or cloud-hv, then its arguments",         \
		.offset = offsetof(T, m.vmm), .type = OPTION_LIST                               \
	}

#endif
