/* SPDX-License-Identifier: MIT */
/* report/escape.c - see escape.h. */
#include "report/escape.h"

#include <stdio.h>
#include <string.h>

static bool continues(const char *s, size_t n)
{
	/* Stops at the NUL by itself: it is no continuation byte. */
	for (size_t i = 1; i <= n; i++) {
		if (((unsigned char)s[i] & 0xc0u) != 0x80u)
			return false;
	}
	return true;
}

size_t ap_utf8_decode(const char *s, uint32_t *ret)
{
	static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
	const unsigned char lead = (unsigned char)*s;
	const size_t more = lead < 0x80	  ? 0
			    : lead < 0xc0 ? 4
			    : lead < 0xe0 ? 1
			    : lead < 0xf0 ? 2
			    : lead < 0xf8 ? 3
					  : 4;

	if (more > 3 || !continues(s, more))
		return 0;
	uint32_t c = more ? lead & (0x3fu >> more) : lead;
	for (size_t i = 1; i <= more; i++)
		c = (c << 6) | ((unsigned char)s[i] & 0x3fu);
	if (c < smallest[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return more + 1;
}

bool ap_char_acts(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} acting[] = {
		{0x00, 0x1f},	  {0x7f, 0x9f},	    {0x061c, 0x061c}, {0x200e, 0x200f},
		{0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff},
	};

	for (size_t i = 0; i < sizeof(acting) / sizeof(acting[0]); i++) {
		if (c >= acting[i].first && c <= acting[i].last)
			return true;
	}
	return false;
}

const char *ap_piece_next(const char *s, struct ap_piece *ret)
{
	uint32_t c;

	if (!*s)
		return NULL;
	const size_t n = ap_utf8_decode(s, &c);
	if (n && !ap_char_acts(c)) {
		memcpy(ret->text, s, n);
		ret->text[n] = '\0';
		ret->bytes = (uint8_t)n;
		ret->columns = 1;
		return s + n;
	}
	/* Byte by byte, also of a valid but acting character: what is shown is what is in the name.
	 * */
	snprintf(ret->text, sizeof(ret->text), "\\x%02x", (unsigned char)*s);
	ret->bytes = 4;
	ret->columns = 4;
	return s + 1;
}

size_t ap_escape_columns(const char *s)
{
	struct ap_piece piece;
	size_t columns = 0;

	while ((s = ap_piece_next(s, &piece)))
		columns += piece.columns;
	return columns;
}

char *ap_escape_fit(char ret[AP_FIT_BYTES], const char *s, size_t columns)
{
	const size_t all = ap_escape_columns(s);
	const size_t dots = columns < 3 ? columns : 3;
	const bool cut = all > columns;
	const size_t head = cut ? (columns - dots + 1) / 2 : all;
	const size_t tail = cut ? columns - dots - head : 0; /* columns at the end that are kept */
	struct ap_piece piece;
	size_t at = 0;
	size_t used = 0;
	bool skipped = false;

	while ((s = ap_piece_next(s, &piece))) {
		const size_t from = at;
		at += piece.columns;
		if (at <= head || (cut && from >= all - tail)) {
			memcpy(ret + used, piece.text, piece.bytes);
			used += piece.bytes;
		} else if (!skipped) {
			memset(ret + used, '.', dots);
			used += dots;
			skipped = true;
		}
	}
	ret[used] = '\0';
	return ret;
}
