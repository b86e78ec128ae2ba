/* SPDX-License-Identifier: MIT */
/* report/text_out.h - the sink of the text report: 80 columns, whatever the names in it are.
 *
 * Paragraphs are wrapped and lose nothing; cells of tables are cut (ap_escape_fit). Everything that
 * comes from the program is escaped here, so no caller has to remember to. Nothing is allocated. */
#ifndef AP_REPORT_TEXT_OUT_H
#define AP_REPORT_TEXT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "report/escape.h"

#define AP_TEXT_COLUMNS 80

enum ap_text_style {
	AP_STYLE_PLAIN,
	AP_STYLE_HEADING,
	AP_STYLE_CRITICAL,
	AP_STYLE_WARNING,
	AP_STYLE_INFO,
};

struct ap_text_out {
	FILE *out; /* borrowed */
	bool color;

	/* The line of the paragraph that is being filled. */
	char line[AP_TEXT_COLUMNS * 4];
	size_t bytes;
	size_t columns;
	size_t break_bytes; /* where the last space stands; 0: none */
	size_t break_columns;
	unsigned hang; /* indent of the lines that follow the first */
};

/** ap_text_begin() - begin a paragraph: @lead as it is, then text whose further lines hang at @hang
 * (below 40). */
void ap_text_begin(struct ap_text_out *text, const char *lead, unsigned hang);
/** ap_text_begin_styled() - the same with the lead in a style. */
void ap_text_begin_styled(struct ap_text_out *text, enum ap_text_style style, const char *lead,
			  unsigned hang);
/** ap_text_put() - more of the paragraph, escaped; breaks at spaces, and inside a word that is
 * wider than a line. */
void ap_text_put(struct ap_text_out *text, const char *s);
/** ap_text_putf() - the same, formatted; at most 255 bytes, so for figures, not for names. */
void ap_text_putf(struct ap_text_out *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** ap_text_end() - end the paragraph and its line. */
void ap_text_end(struct ap_text_out *text);

/** ap_text_field() - "  label        " and the begin of its paragraph. */
void ap_text_field(struct ap_text_out *text, const char *label);

/** ap_text_heading() - an empty line, then the heading of a section. @note: small print behind it,
 * or NULL. */
void ap_text_heading(struct ap_text_out *text, const char *heading, const char *note);

/** ap_text_styled() - an unescaped text of ours in a style. */
void ap_text_styled(struct ap_text_out *text, enum ap_text_style style, const char *s);

#endif
