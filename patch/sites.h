/* SPDX-License-Identifier: MIT */
/* patch/sites.h - where a module calls the compiler's hooks, and on behalf of which function. x86-64 only.
 *
 * Nothing is guessed. What is called is told by the relocations of the module, the instructions by a decoder, from the
 * start of each function to its end as the unwind tables have them. On whose behalf is told by the hook's first argument,
 * where that is one function's address on all ways to the call. An exit for which it is not known belongs to the only function that is
 * entered in the same code. What stays unknown makes all functions unfit that are mentioned there, and one that came in from
 * elsewhere all of the module: either all hooks that a function has in its module are known, or it has none in the list. Of those
 * that it has in others, where it was inlined, the names tell (patch/list.h). */
#ifndef AP_PATCH_SITES_H
#define AP_PATCH_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ap_site_kind {
	AP_SITE_CALL,	   /* call rel32 */
	AP_SITE_JUMP,	   /* jmp rel32: a tail call */
	AP_SITE_CALL_SLOT, /* call *slot(%rip) */
	AP_SITE_JUMP_SLOT,
};

/** Addresses are those in the file. */
struct ap_site {
	uint64_t at;
	uint64_t function;	/* 0 while it is unknown */
	unsigned char bytes[8]; /* the instruction: 5 or 6 */
	enum ap_site_kind kind;
	bool exit;
};

struct ap_site_export {
	uint64_t function;
	char *name;
};

struct ap_sites {
	struct ap_site *sites; /* by function */
	size_t n;
	char **foreign; /* names of functions of other modules that it calls hooks for: inlined here */
	size_t foreign_n;
	struct ap_site_export
		*exports; /* names under which others may call hooks for its functions */
	size_t exports_n;
	size_t unfit;	 /* functions that have hooks which are not known, and are not listed */
	bool names_only; /* its code was not understood: foreign are all names that it refers to, and there is nothing else */
};

/** ap_sites_find() - read a module. @ret: free with ap_sites_clear(); empty where it calls no hooks.
 * Return: 0; -EBADMSG it is damaged; -ENOTSUP it is for another machine; -ENOMEM; or the errno of opening it. */
int ap_sites_find(const char *path, struct ap_sites *ret);
/** ap_sites_find_names() - the same, without reading its code. */
int ap_sites_find_names(const char *path, struct ap_sites *ret);
void ap_sites_clear(struct ap_sites *sites);

#endif
