/* SPDX-License-Identifier: MIT */
/* spool/patch.h - the hooks of a process that may be patched: the file SPOOL.sites.
 *
 * Made once by the attendant, which reads the modules (patch/sites.h), and copied by the program, which trusts no line of it
 * before it has seen the same instruction in its memory. The header, then the functions by address, then the sites. */
#ifndef AP_SPOOL_PATCH_H
#define AP_SPOOL_PATCH_H

#include <stdbool.h>
#include <stdint.h>

#define AP_PATCH_MAGIC 0x3130534554495341ull /* "ASITES01" */
#define AP_PATCH_MOST_BYTES (256u << 20)     /* of the file */

struct ap_patch_list {
	uint64_t magic;
	uint64_t spool_id;
	uint32_t functions, sites; /* that are listed */
	uint32_t unfit;		   /* functions of which not all hooks are known */
	uint32_t unread;	   /* modules that could not be read */
};

/** A function all of whose hooks are known. Addresses are those in the program. */
struct ap_patch_function {
	uint64_t address;
	uint32_t first, sites;
};

/** A place where one of its hooks is called. */
struct ap_patch_site {
	uint64_t address;
	uint8_t bytes[7]; /* the instruction */
	uint8_t length;
};

_Static_assert(sizeof(struct ap_patch_list) == 32, "format");
_Static_assert(sizeof(struct ap_patch_function) == 16, "format");
_Static_assert(sizeof(struct ap_patch_site) == 16, "format");

/** ap_patch_first_byte() - what turns a call of a hook into an instruction that does nothing, and a tail call into a return,
 * by its first byte alone. @bytes: the instruction. Return: 0: it is no such instruction.
 *
 *   e8 rel32  call hook         a9 imm32  test $imm,%eax: changes flags only, which no call keeps
 *   e9 rel32  jmp hook          c3        ret
 *   ff 15 ..  call *slot(%rip)  85 15 ..  test %edx,slot(%rip)
 *   ff 25 ..  jmp *slot(%rip)   c3        ret */
static inline uint8_t ap_patch_first_byte(const uint8_t *bytes, uint8_t length)
{
	if (length == 5 && (bytes[0] == 0xe8 || bytes[0] == 0xe9))
		return bytes[0] == 0xe8 ? 0xa9 : 0xc3;
	if (length == 6 && bytes[0] == 0xff && (bytes[1] == 0x15 || bytes[1] == 0x25))
		return bytes[1] == 0x15 ? 0x85 : 0xc3;
	return 0;
}

#endif
