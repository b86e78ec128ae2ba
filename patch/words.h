/* SPDX-License-Identifier: MIT */
/* patch/words.h - words that the loader fills with addresses: of functions of this module, or of others. */
#ifndef AP_PATCH_WORDS_H
#define AP_PATCH_WORDS_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "patch/contents.h"

/* Something of another module: this, and the number of its name in .dynsym; this alone: what a function returns that the loader
 * calls (STT_GNU_IFUNC). */
#define AP_WORD_FOREIGN (1ull << 63)

struct ap_word {
	uint64_t address;
	bool constant;	/* nothing writes there once the loader is done */
	uint64_t value; /* in the file's addresses; or AP_WORD_FOREIGN and more */
};

struct ap_words {
	struct ap_word *all; /* by address */
	size_t n;
};

/** ap_words_find() - Return: 0, -EBADMSG or -ENOMEM. Free with ap_words_clear(). */
int ap_words_find(Elf *elf, const struct ap_contents *contents, struct ap_words *ret);
void ap_words_clear(struct ap_words *words);
/** ap_word_at() - Return: the one at @address, or NULL. */
const struct ap_word *ap_word_at(const struct ap_words *words, uint64_t address);
/** ap_word_read() - the same, or what the file has there where that is an address, too. Return: false: it is none. */
bool ap_word_read(const struct ap_words *words, const struct ap_contents *contents,
		  uint64_t address, struct ap_word *ret);

#endif
