// SPDX-License-Identifier: Apache-2.0
#include "html.h"

#include <stdarg.h>
#include <string.h>

#define WIDTH      960.0 /* of pictures, in user units */
#define BAR_HEIGHT 22
#define TEXT_SIZE  4096

static const char style[] =
	"body{font:15px/1.45 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;"
	"color:#1d2430;background:#fff}"
	"h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #ccd}"
	"table{border-collapse:collapse;width:100%}"
	"td,th{text-align:left;padding:.2rem .6rem .2rem 0;vertical-align:top;"
	"border-bottom:1px solid #eee;overflow-wrap:break-word}"
	"th{white-space:nowrap}td{font-family:ui-monospace,monospace;font-size:13px}"
	"p.bad{background:#fde8e8;border-left:4px solid #b42318;padding:.5rem .8rem}"
	"p.good{background:#e8f5ec;border-left:4px solid #1a7f37;padding:.5rem .8rem}"
	"svg{width:100%;height:auto;margin:.5rem 0}text{font:12px "
	"system-ui,sans-serif;fill:#1d2430}"
	".live{fill:#8fb8de}.dark{fill:#c2571a}"
	"@media(prefers-color-scheme:dark){body{color:#dfe5ee;background:#14181f}text{fill:#dfe5ee}"
	"td,th{border-color:#2a3140}h2{border-color:#3a4456}p.bad{background:#3d1a17}"
	"p.good{background:#12301c}}";

static void escape(FILE *page, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", page);
			break;
		case '<':
			fputs("&lt;", page);
			break;
		case '>':
			fputs("&gt;", page);
			break;
		case '"':
			fputs("&quot;", page);
			break;
		default:
			/* Control characters have no place in HTML, and none in our texts. */
			fputc((unsigned char)*text < ' ' ? ' ' : *text, page);
		}
	}
}

void html_begin(FILE *page, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
	      page);
	escape(page, title);
	fprintf(page, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", style);
	escape(page, title);
	fputs("</h1>\n", page);
}

void html_end(FILE *page)
{
	fputs("</body>\n</html>\n", page);
}

void html_heading(FILE *page, const char *text)
{
	fputs("<h2>", page);
	escape(page, text);
	fputs("</h2>\n", page);
}

void html_note(FILE *page, bool bad, const char *format, ...)
{
	char text[TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(page, "<p class=\"%s\">", bad ? "bad" : "good");
	escape(page, text);
	fputs("</p>\n", page);
}

void html_table(FILE *page, bool begins)
{
	fputs(begins ? "<table>\n" : "</table>\n", page);
}

void html_row(FILE *page, bool head, const char *const *cell, size_t n)
{
	fputs("<tr>", page);
	for (size_t i = 0; i < n; i++) {
		fputs(head ? "<th>" : "<td>", page);
		escape(page, cell[i] ? cell[i] : "");
		fputs(head ? "</th>" : "</td>", page);
	}
	fputs("</tr>\n", page);
}

static void leaf_text(const json_t *json, char *text, size_t size)
{
	char *made;

	if (json_is_string(json)) {
		snprintf(text, size, "%s", json_string_value(json));
		return;
	}
	made = json_is_null(json) ? NULL : json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
	snprintf(text, size, "%s", made ? made : "-");
	free(made);
}

/* Depth is bounded: what is shown was built here, a few levels deep. */
static void fact(FILE *page, const char *path, const json_t *json)
{
	char inner[256], text[TEXT_SIZE];
	const char *name;
	json_t *value;

	if (!json_is_object(json)) {
		leaf_text(json, text, sizeof(text));
		html_row(page, false, (const char *[]){ path, text }, 2);
		return;
	}
	json_object_foreach((json_t *)json, name, value)
	{
		snprintf(inner, sizeof(inner), "%s%s%s", path, *path ? "." : "", name);
		fact(page, inner, value);
	}
}

void html_facts(FILE *page, const json_t *object)
{
	html_table(page, true);
	fact(page, "", object);
	html_table(page, false);
}

static uint64_t total_of(const struct html_span *span, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += span[i].length;
	return total ? total : 1;
}

static void draw_label(FILE *page, double x, double y, const char *name, uint64_t length,
		       const char *unit)
{
	fprintf(page, "<text x=\"%.1f\" y=\"%.1f\">", x, y);
	escape(page, name);
	fprintf(page, " %llu %s</text>\n", (unsigned long long)length, unit);
}

/* One bar a row: short phases would be no wider than a hair, and their names would lie on each other. */
static void draw(FILE *page, const struct html_span *span, size_t n, uint64_t whole, bool staggered,
		 const char *unit)
{
	const double room = staggered ? WIDTH - 200 : WIDTH - 320;
	uint64_t before = 0;

	fprintf(page, "<svg viewBox=\"0 0 %.0f %zu\" role=\"img\">\n", WIDTH, n * BAR_HEIGHT + 4);
	for (size_t i = 0; i < n; i++) {
		const double y = (double)(i * BAR_HEIGHT + 2);
		const double x = staggered ? room * (double)before / (double)whole : 0;
		const double width = room * (double)span[i].length / (double)whole;

		fprintf(page,
			"<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>\n",
			span[i].dark ? "dark" : "live", x, y, width < 1 ? 1 : width,
			BAR_HEIGHT - 6);
		draw_label(page, x + (width < 1 ? 1 : width) + 6, y + 13, span[i].name,
			   span[i].length, unit);
		before += span[i].length;
	}
	fputs("</svg>\n", page);
}

void html_timeline(FILE *page, const struct html_span *span, size_t n)
{
	draw(page, span, n, total_of(span, n), true, "µs");
}

void html_bars(FILE *page, const struct html_span *span, size_t n, const char *unit)
{
	uint64_t most = 1;

	for (size_t i = 0; i < n; i++)
		if (span[i].length > most)
			most = span[i].length;
	draw(page, span, n, most, false, unit);
}
