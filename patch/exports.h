/* SPDX-License-Identifier: MIT */
/* patch/exports.h - functions of which hooks are called in several modules: the names by which they are known to each other. */
#ifndef AP_PATCH_EXPORTS_H
#define AP_PATCH_EXPORTS_H

#include <libelf.h>

#include "patch/code.h"

/** ap_exports_find() - fill in the names of @ret, whose sites are there. ap_exports_find_mentioned() - fill in, as foreign, all that
 * @words name. Return: 0 or -ENOMEM. */
int ap_exports_find(Elf *elf, const struct ap_code_facts *facts, struct ap_sites *ret);
int ap_exports_find_mentioned(Elf *elf, const struct ap_words *words, struct ap_sites *ret);

#endif
