/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html.h - a page that needs nothing but itself: no script, no network, no font of its own
 *
 * Text is escaped wherever it goes; markup is written by these functions alone.
 */
#ifndef SDEI_MIGRATE_HTML_H
#define SDEI_MIGRATE_HTML_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/** html_begin() - everything up to the first heading */
void html_begin(FILE *page, const char *title);

/** html_end() - the rest */
void html_end(FILE *page);

/** html_heading() - a section begins */
void html_heading(FILE *page, const char *text);

/** html_note() - a paragraph; @bad: one that must not be overlooked */
void html_note(FILE *page, bool bad, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** html_facts() - an object as rows of name and value; objects in it become paths "a.b" */
void html_facts(FILE *page, const json_t *object);

/** html_row() - one row of @n cells */
void html_row(FILE *page, bool head, const char *const *cell, size_t n);

/** html_table() - begin or end a table of rows */
void html_table(FILE *page, bool begins);

/* One bar of a timeline. */
struct html_span {
	const char *name;
	uint64_t length; /* microseconds */
	bool dark;       /* the VM stands still meanwhile */
};

/** html_timeline() - bars one behind the other, drawn to scale, with their names and lengths */
void html_timeline(FILE *page, const struct html_span *span, size_t n);

/** html_bars() - bars one below the other, as long as their numbers */
void html_bars(FILE *page, const struct html_span *span, size_t n, const char *unit);

#endif
