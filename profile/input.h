/* SPDX-License-Identifier: MIT */
/* profile/input.h - bounded views of a spool: the only way in which the reader touches its bytes.
 *
 * Every access copies. All copies together may take at most twice the size of the file, which no valid
 * spool needs (its blocks do not overlap): a file whose references all lead to the same block costs no
 * more time and memory than an honest one. */
#ifndef AP_PROFILE_INPUT_H
#define AP_PROFILE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/layout.h"

struct ap_input {
	const unsigned char *bytes;
	size_t size;
	uint64_t budget; /* bytes that may still be copied */
};

/** ap_input_init() - a view of @size bytes, borrowed as long as the view is used. */
void ap_input_init(struct ap_input *in, const void *bytes, size_t size);

/** ap_input_copy() - copy @n bytes that begin @offset bytes after @ref.
 * Return: false, with @ret untouched, for a reference out of range (0 and the header page are). */
bool ap_input_copy(struct ap_input *in, ap_ref ref, uint64_t offset, void *ret, size_t n);

/** ap_input_text() - the text as a new string that ends at its first NUL; an absent text is "".
 * Return: 0; -EBADMSG out of range; -ENOMEM. */
int ap_input_text(struct ap_input *in, const struct ap_text *text, char **ret);

/** What a directory leads to. */
struct ap_table_kind {
	uint32_t blocks; /* entries of the directory */
	uint32_t per_block;
	uint32_t record_bytes;
};
extern const struct ap_table_kind ap_table_functions, ap_table_nodes, ap_table_modules,
	ap_table_threads, ap_table_fibers, ap_table_node_stats, ap_table_function_stats;

/** Records by id, in blocks. Borrows its input. */
struct ap_table {
	struct ap_input *in;
	const struct ap_table_kind *kind;
	ap_ref *blocks;
	uint32_t count; /* ids below this may exist */
	bool clamped;	/* the count was impossible */
};

/** ap_table_open() - read the directory at @ref for ids below @count; an absent one is empty.
 * Return: 0; -EBADMSG directory out of range; -ENOMEM. Close it in all cases. */
int ap_table_open(struct ap_table *t, struct ap_input *in, const struct ap_table_kind *kind,
		  ap_ref ref, uint32_t count);
void ap_table_close(struct ap_table *t);

/** ap_table_next() - the first id at or above @id whose block exists; t->count when there is none. */
uint32_t ap_table_next(const struct ap_table *t, uint32_t id);
/** ap_table_get() - copy a record. Return: false when its block does not exist or is out of range. */
bool ap_table_get(struct ap_table *t, uint32_t id, void *ret);

#endif
