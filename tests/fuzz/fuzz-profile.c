/* SPDX-License-Identifier: MIT */
/* tests/fuzz/fuzz-profile.c - libFuzzer target: no spool whatever makes the reader crash, loop or build a model
 * that its users would trip over.
 *
 * Most of a spool is zeros, and most changes to its first bytes only get it refused. So the mutator starts
 * from the samples of tests/support, changes what is not zero, and mends the few fields without which
 * nothing else would be read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "profile/merge.h"
#include "profile/profile.h"
#include "profile/since.h"
#include "tests/support/model_check.h"
#include "tests/support/sample_spools.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#define MAX_LEN "-max_len=1048576" /* without seeds libFuzzer would believe that 4 KiB are enough */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char **longer = calloc((size_t)*argc + 2, sizeof(*longer));
	static char max_len[] = MAX_LEN;

	if (longer) {
		memcpy(longer, *argv, (size_t)*argc * sizeof(*longer));
		memmove(longer + 2, longer + 1, (size_t)(*argc - 1) * sizeof(*longer));
		longer[1] = max_len; /* first: a later one on the command line counts */
		*argv = longer;
		++*argc;
	}
	return 0;
}

static void must(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

/* Twice the same process, handed on in between. */
static void merge_twice(const struct ap_profile *p)
{
	struct ap_merge *merge = ap_merge_new(p->process.pid), *there = NULL;
	struct ap_profile *merged = NULL;
	char *bytes = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&bytes, &size);

	must(merge && out && ap_merge_add(merge, p) == 0, "not added");
	must(ap_merge_save(merge, out) == 0, "not saved");
	fclose(out);
	ap_merge_free(merge);
	FILE *in = fmemopen(bytes, size, "r");
	must(ap_merge_load(in, size, &there) == 0, "not loaded");
	fclose(in);
	free(bytes);
	must(ap_merge_add(there, p) == 0, "not added again");
	must(ap_merge_finish(there, NULL, &merged) == 0, "not finished");
	const char *wrong = ap_model_check(merged);
	must(!wrong, wrong);
	ap_profile_free(merged);
}

/* What came after a reset, of which the copy may be anything: here the same spool with one line gone. */
static void since(const uint8_t *data, size_t size)
{
	struct ap_profile *now = NULL, *past = NULL;
	struct ap_profile_error error;
	uint8_t *copy = malloc(size);

	must(copy != NULL, "no memory");
	memcpy(copy, data, size);
	const size_t lines = size / 64;
	memset(copy + ((size_t)data[size / 2] * 977 + 64) % lines * 64, 0, 64);
	if (ap_profile_parse(data, size, NULL, &now, &error) == 0 &&
	    ap_profile_parse(copy, size, NULL, &past, &error) == 0) {
		must(ap_profile_since(now, past) == 0, "nothing taken out");
		const char *wrong = ap_model_check(now);
		must(!wrong, wrong);
	}
	ap_profile_free(now);
	ap_profile_free(past);
	free(copy);
}

static void judge(int e, struct ap_profile *p, const struct ap_profile_error *error)
{
	if (e < 0) {
		if (error->text[0] == 0 || strchr(error->text, '\n')) {
			abort();
		}
		return;
	}
	const char *wrong = ap_model_check(p);
	if (wrong) {
		fprintf(stderr, "%s\n", wrong);
		abort();
	}
	merge_twice(p);
	ap_profile_free(p);
}

/* The same through a file, as it is read in real life. */
static void read_file(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct ap_profile *p = NULL;
	struct ap_profile_error error = {""};
	struct ap_profile_head head;
	char path[32];

	if (fd < 0) {
		fd = memfd_create("spool", MFD_CLOEXEC);
	}
	if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) {
		abort();
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	const int e = ap_profile_open(path, NULL, &p, &error);
	judge(e, p, &error);
	if (ap_profile_head(path, &head, &error) == 0) {
		ap_profile_alive(&head);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ap_profile_known_end known = {0};
	struct ap_profile *p = NULL;
	struct ap_profile_error error = {""};

	if (size >= sizeof(struct ap_spool_header)) {
		memcpy(&known.wait_status, data + offsetof(struct ap_spool_header, deadline_ns),
		       sizeof(known.wait_status));
		known.known = known.wait_status != 0;
	}
	const int e = ap_profile_parse(data, size, &known, &p, &error);
	judge(e, p, &error);
	if (e == 0) {
		since(data, size);
	}
	if (size == 0 || data[size - 1] % 4 == 0) {
		read_file(data, size);
	}
	return 0;
}

static size_t start_from_sample(uint8_t *data, size_t max_size)
{
	struct ap_builder *b = ap_sample_spools[(unsigned)rand() % ap_sample_spools_n].make();
	size_t size;
	const void *bytes = ap_builder_bytes(b, &size);

	size = size < max_size ? size : max_size;
	memcpy(data, bytes, size);
	ap_builder_free(b);
	return size;
}

/* Offset of a 32-bit word that is not 0, near a random place. */
static size_t pick(const uint8_t *data, size_t size)
{
	const size_t words = size / 4, first = (size_t)rand() % words;

	for (size_t i = 0; i < words; i++) {
		const size_t at = (first + i) % words * 4;
		uint32_t word;
		memcpy(&word, data + at, sizeof(word));
		if (word) {
			return at;
		}
	}
	return first * 4;
}

static void set_nasty(uint8_t *data, size_t size)
{
	static const uint32_t nasty[] = {0,   1,      2,       31,	   63,	       64,
					 255, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};
	const uint32_t value = nasty[(unsigned)rand() % (sizeof(nasty) / sizeof(*nasty))];
	memcpy(data + pick(data, size), &value, sizeof(value));
}

static void add_small(uint8_t *data, size_t size)
{
	const size_t at = pick(data, size);
	uint32_t value;
	memcpy(&value, data + at, sizeof(value));
	value += (uint32_t)(rand() % 9 - 4);
	memcpy(data + at, &value, sizeof(value));
}

/* References lead to other places, ids become other ids. */
static void copy_word(uint8_t *data, size_t size)
{
	memmove(data + pick(data, size), data + pick(data, size), 4);
}

static void copy_line(uint8_t *data, size_t size)
{
	const size_t from = pick(data, size) / 64 * 64, to = pick(data, size) / 64 * 64;
	if (from + 64 <= size && to + 64 <= size) {
		memmove(data + to, data + from, 64);
	}
}

static void mutate_some(uint8_t *data, size_t size)
{
	const size_t at = pick(data, size), n = size - at < 32 ? size - at : 32;
	LLVMFuzzerMutate(data + at, n, n);
}

static void mutate_header(uint8_t *data, size_t size)
{
	const size_t at = (size_t)rand() % sizeof(struct ap_spool_header),
		     n = size - at < 8 ? size - at : 8;
	LLVMFuzzerMutate(data + at, n, n);
}

/* What would get it refused is put right, mostly. */
static void mend(uint8_t *data, size_t size)
{
	struct ap_spool_header h;

	if (rand() % 64 == 0) {
		return;
	}
	memcpy(&h, data, sizeof(h));
	memcpy(h.magic, AP_SPOOL_MAGIC, sizeof(h.magic));
	h.version = AP_SPOOL_VERSION;
	h.byte_order = AP_SPOOL_BYTE_ORDER;
	h.header_bytes = sizeof(h);
	h.clock_kind = h.clock_kind % AP_CLOCK_CNTVCT + 1;
	h.alloc_next = size;
	if (h.size_bytes < size) {
		h.size_bytes = size;
	}
	if (h.shards > AP_MAX_SHARDS) {
		h.shards = 1;
	}
	memcpy(data, &h, sizeof(h));
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static void (*const changes[])(uint8_t *, size_t) = {set_nasty, add_small,   copy_word,
							     copy_line, mutate_some, mutate_header};
	srand(seed);
	if (size < sizeof(struct ap_spool_header) || (rand() % 32 == 0 && max_size >= size)) {
		if (max_size < sizeof(struct ap_spool_header) || rand() % 16 == 0) {
			return LLVMFuzzerMutate(data, size, max_size);
		}
		size = start_from_sample(data, max_size);
	}
	if (rand() % 64 == 0) {
		size -= (size_t)rand() % (size - sizeof(struct ap_spool_header) + 1);
	}
	for (int n = 1 + rand() % 4; n > 0; n--) {
		changes[(unsigned)rand() % (sizeof(changes) / sizeof(*changes))](data, size);
	}
	mend(data, size);
	return size;
}
