/* SPDX-License-Identifier: MIT */
/* report/text_out.c - see text_out.h. */
#include "report/text_out.h"

#include <stdarg.h>
#include <string.h>

#define LABEL_COLUMNS 13

void ap_text_begin(struct ap_text_out *text, const char *lead, unsigned hang)
{
	text->bytes = strlen(lead);
	memcpy(text->line, lead, text->bytes);
	text->columns = text->bytes;
	text->break_bytes = 0;
	text->hang = hang;
}

void ap_text_begin_styled(struct ap_text_out *text, enum ap_text_style style, const char *lead,
			  unsigned hang)
{
	ap_text_begin(text, "", hang);
	ap_text_styled(text, style, lead);
	text->columns = strlen(lead);
}

/* Writes the first @bytes of the line and begins the next with what stands behind @skip more. */
static void wrap(struct ap_text_out *text, size_t bytes, size_t columns, size_t skip)
{
	char rest[sizeof(text->line)];
	const size_t rest_bytes = text->bytes - bytes - skip;

	memcpy(rest, text->line + bytes + skip, rest_bytes);
	fprintf(text->out, "%.*s\n", (int)bytes, text->line);
	memset(text->line, ' ', text->hang);
	memcpy(text->line + text->hang, rest, rest_bytes);
	text->bytes = text->hang + rest_bytes;
	text->columns = text->hang + text->columns - columns - skip;
	text->break_bytes = 0;
}

static void make_room(struct ap_text_out *text, unsigned columns)
{
	if (text->columns + columns <= AP_TEXT_COLUMNS)
		return;
	/* The last word moves to the next line, unless it would not fit there either. */
	const size_t word = text->columns - text->break_columns - 1;
	if (text->break_bytes && text->hang + word + columns <= AP_TEXT_COLUMNS)
		wrap(text, text->break_bytes, text->break_columns, 1);
	else
		wrap(text, text->bytes, text->columns, 0);
}

void ap_text_put(struct ap_text_out *text, const char *s)
{
	struct ap_piece piece;

	while ((s = ap_piece_next(s, &piece))) {
		const bool space = piece.text[0] == ' ';
		if (space && text->columns >= AP_TEXT_COLUMNS) {
			wrap(text, text->bytes, text->columns, 0);
			continue;
		}
		make_room(text, piece.columns);
		if (space) {
			text->break_bytes = text->bytes;
			text->break_columns = text->columns;
		}
		memcpy(text->line + text->bytes, piece.text, piece.bytes);
		text->bytes += piece.bytes;
		text->columns += piece.columns;
	}
}

void ap_text_putf(struct ap_text_out *text, const char *format, ...)
{
	char formatted[256];
	va_list args;

	va_start(args, format);
	vsnprintf(formatted, sizeof(formatted), format, args);
	va_end(args);
	ap_text_put(text, formatted);
}

void ap_text_end(struct ap_text_out *text)
{
	while (text->bytes && text->line[text->bytes - 1] == ' ')
		text->bytes--;
	fprintf(text->out, "%.*s\n", (int)text->bytes, text->line);
}

void ap_text_field(struct ap_text_out *text, const char *label)
{
	char lead[AP_TEXT_COLUMNS];

	snprintf(lead, sizeof(lead), "  %-*s", LABEL_COLUMNS - 2, label);
	ap_text_begin(text, lead, LABEL_COLUMNS);
}

void ap_text_styled(struct ap_text_out *text, enum ap_text_style style, const char *s)
{
	static const char *const codes[] = {
		[AP_STYLE_PLAIN] = "0",	     [AP_STYLE_HEADING] = "1", [AP_STYLE_CRITICAL] = "1;31",
		[AP_STYLE_WARNING] = "1;33", [AP_STYLE_INFO] = "1;36",
	};

	if (text->color)
		fprintf(text->out, "\x1b[%sm%s\x1b[0m", codes[style], s);
	else
		fputs(s, text->out);
}

void ap_text_heading(struct ap_text_out *text, const char *heading, const char *note)
{
	putc('\n', text->out);
	ap_text_styled(text, AP_STYLE_HEADING, heading);
	if (note)
		fprintf(text->out, "  (%s)", note);
	putc('\n', text->out);
}
