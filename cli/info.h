/* SPDX-License-Identifier: MIT */
/* cli/info.h - the three things that `autoprof info` can be asked about. */
#ifndef AP_CLI_INFO_H
#define AP_CLI_INFO_H

#include "monitor/store.h"

/** ap_info_spool() - identity, life, clock, memory, modules of a spool. Complains; return: 0 or
 * a negative errno. */
int ap_info_spool(const struct ap_store_entry *entry);
/** ap_info_program() - the doctor: will the profile of this program be complete? Return: as
 * above. */
int ap_info_program(const char *path);
/** ap_info_environment() - directory, log, options, library. Return: 0, or a negative errno when
 * no program started here would be profiled. */
int ap_info_environment(const char *dir_option);

/** ap_info_line() - "name:   value" with the value's bytes escaped. */
void ap_info_line(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
