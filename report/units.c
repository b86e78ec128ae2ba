/* SPDX-License-Identifier: MIT */
/* report/units.c - see units.h. */
#include "report/units.h"

#include <math.h>
#include <stdio.h>

/* Digits behind the point so that three digits show: what rounds up to the next digit count has its
 * digits. */
static int places(double value)
{
	return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

struct ap_human ap_human_ns(double ns)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	struct ap_human human;
	size_t unit = 0;

	if (ns < 999.5 && ns == floor(ns)) {
		snprintf(human.text, sizeof(human.text), "%.0f ns", ns);
		return human;
	}
	while (unit < 3 && ns >= 999.5) {
		ns /= 1000;
		unit++;
	}
	if (unit == 3 && ns >= 9999.5)
		snprintf(human.text, sizeof(human.text), "%.*f h", places(ns / 3600), ns / 3600);
	else
		snprintf(human.text, sizeof(human.text), "%.*f %s", places(ns), ns, units[unit]);
	return human;
}

struct ap_human ap_human_count(uint64_t n)
{
	static const char units[] = "kMGTPE";
	struct ap_human human;
	double value = (double)n / 1000;
	size_t unit = 0;

	if (n < 100000) {
		snprintf(human.text, sizeof(human.text), "%u", (unsigned)n);
		return human;
	}
	while (unit < 5 && value >= 999.5) {
		value /= 1000;
		unit++;
	}
	snprintf(human.text, sizeof(human.text), "%.*f %c", places(value), value, units[unit]);
	return human;
}

struct ap_human ap_human_bytes(uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	struct ap_human human;
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(human.text, sizeof(human.text), "%u B", (unsigned)bytes);
		return human;
	}
	while (unit < 5 && value >= 999.5) {
		value /= 1024;
		unit++;
	}
	snprintf(human.text, sizeof(human.text), "%.*f %s", places(value), value, units[unit]);
	return human;
}

struct ap_human ap_human_percent(double percent)
{
	struct ap_human human;

	if (percent > 0 && percent < 0.05)
		snprintf(human.text, sizeof(human.text), "<0.1 %%");
	else
		snprintf(human.text, sizeof(human.text), "%.1f %%", percent);
	return human;
}
