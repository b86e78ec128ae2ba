/* SPDX-License-Identifier: MIT */
/* patch/contents.h - what a module has at an address, in its file. */
#ifndef AP_PATCH_CONTENTS_H
#define AP_PATCH_CONTENTS_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ap_section_kind {
	AP_SECTION_DATA,
	AP_SECTION_GOT,	      /* words for the loader, which nothing writes to once it is done */
	AP_SECTION_STUBS,     /* of the linker, where half of the program jumps to */
	AP_SECTION_FUNCTIONS, /* any other code */
};

struct ap_section {
	uint64_t start, end;
	const unsigned char *bytes; /* of the ELF's data */
	enum ap_section_kind kind;
};

/** All sections that are in memory as they are in the file, but for what the loader writes. */
struct ap_contents {
	struct ap_section *all; /* by address */
	size_t n;
	uint64_t bytes; /* of all */
	bool fixed; /* the module is always at the same place: code and data have addresses in them that no relocation tells of */
};

/** ap_contents_find() - Return: 0, -EBADMSG or -ENOMEM. Free with ap_contents_clear(). */
int ap_contents_find(Elf *elf, struct ap_contents *ret);
void ap_contents_clear(struct ap_contents *contents);
/** ap_contents_section() - the one that @address is in, or NULL. */
const struct ap_section *ap_contents_section(const struct ap_contents *contents, uint64_t address);
/** ap_contents_at() - the bytes at @address, and how many there are to the end of the section. Return: NULL: nothing. */
const unsigned char *ap_contents_at(const struct ap_contents *contents, uint64_t address,
				    size_t *ret_bytes);

#endif
