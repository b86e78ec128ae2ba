/* SPDX-License-Identifier: MIT */
/* spool/options.h - how AUTOPROF_OPTIONS is taken apart, by both sides alike: "key=value:key=value". */
#ifndef AP_SPOOL_OPTIONS_H
#define AP_SPOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/** ap_options_take() - copy the item at @text: up to a colon, "\\:" and "\\\\" unescaped; "::" inside of one is a name's of C++.
 * @fits: false when it was cut; or NULL. Return: where the next begins; at the end: "". */
static inline const char *ap_options_take(const char *text, char *item, size_t size, bool *fits)
{
	size_t used = 0;
	bool scope = false; /* the colon before was the first of two */

	while (*text && (*text != ':' || scope || (used && text[1] == ':'))) {
		scope = *text == ':' && !scope;
		if (*text == '\\' && (text[1] == ':' || text[1] == '\\')) {
			text++;
		}
		if (used + 1 < size) {
			item[used] = *text;
		}
		used++;
		text++;
	}
	item[used < size ? used : size - 1] = 0;
	if (fits) {
		*fits = used < size;
	}
	return *text ? text + 1 : text;
}

#endif
