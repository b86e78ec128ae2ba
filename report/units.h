/* SPDX-License-Identifier: MIT */
/* report/units.h - figures for people: three digits and a unit. */
#ifndef AP_REPORT_UNITS_H
#define AP_REPORT_UNITS_H

#include <stdint.h>

/** A figure as text, returned by value: `ap_human_ns(x).text` lives until the end of the full
 * expression. */
struct ap_human {
	char text[24];
};

/** ap_human_ns() - "123 ns", "45.6 us", "1.23 ms", "1.23 s", "2.50 h": at most 7 columns up to 9999
 * h. */
struct ap_human ap_human_ns(double ns);
/** ap_human_count() - exact up to 99999, then "123 k", "3.20 M", "1.23 G": at most 6 columns up to
 * 10^18. */
struct ap_human ap_human_count(uint64_t n);
/** ap_human_bytes() - "512 B", "1.23 MiB": powers of 1024. */
struct ap_human ap_human_bytes(uint64_t bytes);
/** ap_human_percent() - "45.6 %", "<0.1 %". */
struct ap_human ap_human_percent(double percent);

#endif
