/* SPDX-License-Identifier: MIT */
/* patch/pads.h - where the unwinder goes on when a call throws: landing pads, from the table of a function (.gcc_except_table;
 * its format is that of the Itanium C++ ABI's exception handling, and of the numbers that of DWARF and the LSB). */
#ifndef AP_PATCH_PADS_H
#define AP_PATCH_PADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How numbers are written (DW_EH_PE). */
#define AP_ENCODED_ABSOLUTE 0x00
#define AP_ENCODED_ULEB 0x01
#define AP_ENCODED_UDATA4 0x03
#define AP_ENCODED_UDATA8 0x04
#define AP_ENCODED_SDATA4 0x0b
#define AP_ENCODED_SDATA8 0x0c
#define AP_ENCODED_FROM_HERE 0x10
#define AP_ENCODED_OMIT 0xff

struct ap_bytes {
	const uint8_t *at, *end;
};

/** ap_encoded_bytes() - of a number of fixed size. */
size_t ap_encoded_bytes(int encoding);
/** ap_bytes_uleb(), ap_bytes_encoded() - take a number. @form: without what it is relative to. Return: false: there is none, or
 * the form is not known. */
bool ap_bytes_uleb(struct ap_bytes *bytes, uint64_t *ret);
bool ap_bytes_encoded(struct ap_bytes *bytes, int form, uint64_t *ret);

/** Calls from start to end go on at the pad. */
struct ap_pad {
	uint64_t start, end;
	uint64_t pad; /* 0: nowhere in this function */
};

/** The table of a function that begins at `base`. */
struct ap_pads {
	struct ap_bytes entries;
	uint64_t base, pad_base;
	int form;
};

/** ap_pads_begin() - @bytes of a table at @address. Return: false: not understood. */
bool ap_pads_begin(struct ap_pads *pads, const uint8_t *bytes, size_t n, uint64_t address,
		   uint64_t function);
/** ap_pads_next() - Return: is there one more? */
bool ap_pads_next(struct ap_pads *pads, struct ap_pad *ret);

#endif
