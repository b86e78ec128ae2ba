/* SPDX-License-Identifier: MIT */
/* report/build.h - a report from names that are there already: what ap_report_new() and tests
 * share. */
#ifndef AP_REPORT_BUILD_H
#define AP_REPORT_BUILD_H

#include "report/report.h"

/**
 * ap_report_build() - order the functions, run the findings; returns new
 * @profile: borrowed
 * @symbols: by function id, parallel to the profile's functions; taken, also on failure
 *
 * Return: NULL for want of memory. */
struct ap_report *ap_report_build(const struct ap_profile *profile, struct ap_symbol *symbols);

#endif
