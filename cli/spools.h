/* SPDX-License-Identifier: MIT */
/* cli/spools.h - which spools a command line means. */
#ifndef AP_CLI_SPOOLS_H
#define AP_CLI_SPOOLS_H

#include "monitor/store.h"

/**
 * ap_spools_find() - the spools that the operands mean
 * @dir: --dir, or NULL
 * @ret: finish with ap_store_clear() in any case
 *
 * An operand is a spool file, a directory (all of its spools, newest first), or a pid (its
 * newest spool in the default directory). Without operands: the newest spool there. Complains
 * of what means nothing.
 * Return: 0 or a negative errno when any operand meant nothing. */
int ap_spools_find(char *const *operands, int operands_n, const char *dir, struct ap_store *ret);

/** ap_spools_complain() - "autoprof: cannot read PATH: why". */
void ap_spools_complain(const struct ap_store_entry *entry);

#endif
