/* SPDX-License-Identifier: MIT */
/* tests/unit/test-profile-damage.c - spools that are not what they claim: refused in one line, or read as far
 * as they make sense, with a note; never a crash, a loop or a model that its users would trip over. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "profile/profile.h"
#include "profile/since.h"
#include "tests/support/ap_check.h"
#include "tests/support/model_check.h"
#include "tests/support/sample_spools.h"

static struct ap_builder *b;
static struct ap_profile_error error;
static uint64_t random_state = 0x243f6a8885a308d3ull;

static uint64_t random_below(uint64_t n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (random_state >> 20) % n;
}

static void use(const char *name)
{
	for (size_t i = 0; i < ap_sample_spools_n; i++) {
		if (strcmp(ap_sample_spools[i].name, name) == 0) {
			b = ap_builder_free(b);
			b = ap_sample_spools[i].make();
		}
	}
	ck_assert_ptr_nonnull(b);
}

static void teardown(void)
{
	b = ap_builder_free(b);
}

/* Read @size bytes from memory of just that size, so that a sanitizer sees the first byte too far.
 * Return: what the reader returned; the model in *@ret, checked. */
static int read_bytes(const void *bytes, size_t size, struct ap_profile **ret)
{
	void *exact = malloc(size ? size : 1);
	struct ap_profile *p = NULL;

	memcpy(exact, bytes, size);
	memset(error.text, 0, sizeof(error.text));
	const int e = ap_profile_parse(exact, size, NULL, &p, &error);
	free(exact);
	if (e < 0) {
		ck_assert_int_eq(e, -EBADMSG);
		ck_assert_ptr_null(p);
		ck_assert_uint_gt(strlen(error.text), 10);
		ck_assert_ptr_null(strchr(error.text, '\n'));
	} else {
		const char *wrong = ap_model_check(p);
		ck_assert_msg(!wrong, "%s", wrong);
	}
	if (ret) {
		*ret = p;
	} else {
		ap_profile_free(p);
	}
	return e;
}

static int read_it(struct ap_profile **ret)
{
	size_t size;
	const void *bytes = ap_builder_bytes(b, &size);
	return read_bytes(bytes, size, ret);
}

static void expect_refused(const char *reason)
{
	ck_assert_int_eq(read_it(NULL), -EBADMSG);
	ck_assert_msg(strstr(error.text, reason), "\"%s\" without \"%s\"", error.text, reason);
}

static void expect_noted(const char *note)
{
	struct ap_profile *p;
	bool found = false;

	ck_assert_msg(read_it(&p) == 0, "%s", error.text);
	for (size_t i = 0; i < p->quality.notes_n; i++) {
		found |= strstr(p->quality.notes[i], note) != NULL;
	}
	ck_assert_msg(found, "no note of \"%s\"", note);
	ap_profile_free(p);
}

START_TEST(every_sample_is_whole)
{
	for (size_t i = 0; i < ap_sample_spools_n; i++) {
		struct ap_profile *p;
		use(ap_sample_spools[i].name);
		ck_assert_msg(read_it(&p) == 0, "%s: %s", ap_sample_spools[i].name, error.text);
		ck_assert_msg(p->quality.identity_holds,
			      "%s: %llu attempted, %llu folded, %llu pending",
			      ap_sample_spools[i].name, (unsigned long long)p->quality.attempted,
			      (unsigned long long)p->quality.folded,
			      (unsigned long long)p->quality.pending);
		for (size_t k = 0; k < p->quality.notes_n; k++) {
			ck_assert_ptr_null(strstr(p->quality.notes[k], "skipped"));
		}
		ap_profile_free(p);
	}
}
END_TEST

START_TEST(a_foreign_header_is_refused_by_name)
{
	use("folded");
	b->hdr->magic[3]++;
	expect_refused("not an autoprof spool");
	use("folded");
	b->hdr->version = AP_SPOOL_VERSION + 1;
	expect_refused("version 10, this program reads version 9");
	use("folded");
	b->hdr->byte_order = 0x04030201;
	expect_refused("another byte order");
	use("folded");
	b->hdr->header_bytes = 999;
	expect_refused("header of 999 bytes");
}
END_TEST

START_TEST(impossible_fields_of_the_header_are_refused)
{
	use("folded");
	b->hdr->clock_kind = 9;
	expect_refused("unknown clock 9");
	use("folded");
	b->hdr->ticks_per_s = 0;
	expect_refused("0 ticks a second");
	use("folded");
	b->hdr->shards = AP_MAX_SHARDS + 1;
	expect_refused("129 shards");
	use("folded");
	b->hdr->pauses_n = AP_PAUSES + 1;
	expect_refused("33 pauses");
	use("folded");
	b->hdr->size_bytes = 100;
	expect_refused("100 bytes in use");
	use("folded");
	b->hdr->shard_refs[0] = UINT32_MAX;
	expect_refused("shard 0 lies outside");
	use("folded");
	b->hdr->node_blocks = UINT32_MAX;
	expect_refused("table lies outside");
	use("folded");
	b->hdr->thread_blocks = UINT32_MAX;
	expect_refused("thread table lies outside");
}
END_TEST

START_TEST(a_file_shorter_than_a_header_is_refused)
{
	use("empty");
	for (size_t n = 0; n < sizeof(struct ap_spool_header); n++) {
		ck_assert_int_eq(read_bytes(b->hdr, n, NULL), -EBADMSG);
		ck_assert_ptr_nonnull(
			strstr(error.text, n < 8 ? "not an autoprof spool" : "truncated"));
	}
}
END_TEST

START_TEST(a_truncated_spool_is_refused_wherever_it_ends)
{
	size_t size;
	use(ap_sample_spools[_i].name);
	const void *bytes = ap_builder_bytes(b, &size);
	for (size_t n = sizeof(struct ap_spool_header); n < size; n += 64) {
		ck_assert_int_eq(read_bytes(bytes, n, NULL), -EBADMSG);
		ck_assert_ptr_nonnull(strstr(error.text, "truncated"));
	}
	ck_assert_int_eq(read_bytes(bytes, size, NULL), 0);
}
END_TEST

START_TEST(a_truncated_spool_that_claims_to_be_whole_is_survived)
{
	size_t size, read = 0;
	use(ap_sample_spools[_i].name);
	const void *bytes = ap_builder_bytes(b, &size);
	for (size_t n = sizeof(struct ap_spool_header); n < size; n += 64) {
		b->hdr->alloc_next = n;
		read += read_bytes(bytes, n, NULL) == 0;
	}
	ck_assert_uint_gt(read, 0);
}
END_TEST

START_TEST(any_byte_of_the_header_may_flip)
{
	static const unsigned char flips[] = {0xff, 0x80, 0x01, 0x10};
	use(ap_sample_spools[_i].name);
	unsigned char *bytes = (unsigned char *)b->hdr;
	for (size_t at = 0; at < sizeof(struct ap_spool_header); at++) {
		for (size_t k = 0; k < sizeof(flips); k++) {
			const uint64_t size = b->hdr->alloc_next;
			bytes[at] ^= flips[k];
			read_bytes(bytes, size, NULL);
			bytes[at] ^= flips[k];
		}
	}
	ck_assert_int_eq(read_it(NULL), 0);
}
END_TEST

static const uint64_t nasty[] = {0,	 1,	     2,		 0x7f,	     0xff,
				 0xffff, 0x7fffffff, 0xffffffff, 1ull << 63, UINT64_MAX};

/* A word that means something is set to something nasty, or one of its bits is turned. */
static void damage_word(uint64_t *words, const size_t *used, size_t used_n)
{
	const size_t at = used[random_below(used_n)];
	uint32_t *half = (uint32_t *)&words[at] + random_below(2);

	switch (random_below(4)) {
	case 0:
		words[at] = nasty[random_below(sizeof(nasty) / sizeof(*nasty))];
		break;
	case 1:
		*half = (uint32_t)nasty[random_below(8)];
		break;
	case 2:
		*half += (uint32_t)random_below(5) - 2;
		break;
	default:
		words[at] ^= 1ull << random_below(64);
	}
}

START_TEST(random_damage_anywhere_is_survived)
{
	use(ap_sample_spools[_i].name);
	const size_t size = (size_t)b->hdr->alloc_next, words_n = size / 8;
	uint64_t *good = malloc(size), *bad = malloc(size);
	size_t *used = malloc(words_n * sizeof(*used)), used_n = 0, read = 0;

	memcpy(good, b->hdr, size);
	for (size_t i = 3; i < words_n; i++) {
		if (good[i]) {
			used[used_n++] = i;
		}
	}
	for (int round = 0; round < 3000; round++) {
		memcpy(bad, good, size);
		for (uint64_t n = 1 + random_below(4); n > 0; n--) {
			damage_word(bad, used, used_n);
		}
		read += read_bytes(bad, size, NULL) == 0;
	}
	ck_assert_uint_gt(read, 300);
	ck_assert_uint_lt(read, 3000);
	free(good);
	free(bad);
	free(used);
}
END_TEST

/* A past that is taken out is no more to be trusted than what it is taken from. */
START_TEST(a_damaged_past_leaves_a_whole_model)
{
	use("folded");
	const size_t size = (size_t)b->hdr->alloc_next, words_n = size / 8;
	uint64_t *good = malloc(size), *bad = malloc(size);
	size_t taken_out = 0;

	memcpy(good, b->hdr, size);
	for (int round = 0; round < 1000; round++) {
		struct ap_profile *p, *past;
		memcpy(bad, good, size);
		for (uint64_t n = random_below(8); n > 0; n--) {
			bad[3 + random_below(words_n - 3)] ^= UINT64_C(1) << random_below(64);
		}
		if (read_bytes(bad, size, &past) < 0) {
			continue;
		}
		ck_assert_int_eq(read_bytes(good, size, &p), 0);
		ck_assert_int_eq(ap_profile_since(p, past), 0);
		const char *wrong = ap_model_check(p);
		ck_assert_msg(!wrong, "%s", wrong);
		ap_profile_free(past);
		ap_profile_free(p);
		taken_out++;
	}
	ck_assert_uint_gt(taken_out, 100);
	free(good);
	free(bad);
}
END_TEST

START_TEST(damaged_paths_are_skipped_and_never_loop)
{
	const uint32_t node = AP_ID_FIRST + 1;
	static const uint32_t parents[] = {0, AP_ID_FIRST + 1, AP_ID_FIRST + 2, UINT32_MAX};
	for (size_t i = 0; i < sizeof(parents) / sizeof(*parents); i++) {
		use("folded");
		ap_builder_node_at(b, node)->parent = parents[i];
		expect_noted("2 damaged call paths were skipped"); /* its child with it */
		expect_noted("damaged counters were skipped");
	}
	use("folded");
	ap_builder_node_at(b, node)->function = 1000;
	expect_noted("damaged call paths");
}
END_TEST

START_TEST(what_is_skipped_breaks_the_identity)
{
	struct ap_profile *p;
	use("folded");
	ap_builder_node_at(b, AP_ID_FIRST + 2)->parent = 0;
	ck_assert_int_eq(read_it(&p), 0);
	ck_assert_uint_eq(p->quality.folded, 8);
	ck_assert_uint_eq(p->quality.attempted, 12);
	ck_assert(!p->quality.identity_holds);
	ap_profile_free(p);
}
END_TEST

START_TEST(other_damaged_records_are_noted_by_kind)
{
	use("folded");
	ap_builder_function_at(b, AP_ID_FIRST)->module = 2;
	expect_noted("1 damaged records of functions");
	use("folded");
	ap_builder_module_at(b, 0)->build_id_bytes = 21;
	expect_noted("1 damaged records of modules");
	use("folded");
	ap_builder_module_at(b, 0)->path.bytes = UINT32_MAX;
	expect_noted("1 damaged records of modules");
	use("folded");
	b->hdr->exe.ref = UINT32_MAX;
	expect_noted("1 damaged texts");
	use("folded");
	ap_builder_thread_at(b, 0)->state = 3;
	expect_noted("1 damaged records of threads");
	use("folded");
	ap_builder_function_stat(b, 0, AP_ID_FIRST)->total_rows = UINT32_MAX;
	expect_noted("1 damaged histograms");
	use("folded");
	ap_builder_function_stat(b, 0, AP_ID_FIRST)->function = AP_ID_FIRST + 1;
	expect_noted("1 damaged counters");
	use("folded");
	ap_builder_shard_at(b, 0)->node_stat_blocks = UINT32_MAX;
	expect_noted("1 damaged counters");
	use("folded");
	b->hdr->nodes = UINT32_MAX;
	expect_noted("1 impossible counts");
	use("troubled");
	ap_builder_thread_at(b, 0)->frames = UINT32_MAX;
	expect_noted("1 damaged open calls");
	use("troubled");
	((struct ap_frame *)ap_builder_at(b, ap_builder_thread_at(b, 0)->frames))->node = 999;
	expect_noted("1 damaged open calls");
}
END_TEST

static struct ap_chunk *first_chunk(void)
{
	return ap_builder_at(b, ap_builder_thread_at(b, 0)->first_chunk);
}

START_TEST(damaged_chains_of_chunks_end)
{
	use("pending");
	first_chunk()->next = ap_builder_thread_at(b, 0)->first_chunk;
	expect_noted("1 damaged chunks");
	use("pending");
	first_chunk()->next = UINT32_MAX;
	expect_noted("1 damaged chunks");
	use("pending");
	first_chunk()->slots = AP_CHUNK_MAX_SLOTS + 1;
	expect_noted("1 damaged chunks");
	use("pending");
	first_chunk()->slots = 0;
	expect_noted("1 damaged chunks");
	use("pending");
	first_chunk()->thread = 1;
	expect_noted("1 damaged chunks");
	use("pending");
	ap_builder_thread_at(b, 0)->fold = AP_FOLD(0, 0, 1000);
	expect_noted("1 damaged chunks");
}
END_TEST

/* Every shard is the same shard, every block the same block, every row the same row. */
static void tie_everything_together(void)
{
	use("folded");
	struct ap_shard *shard = ap_builder_shard_at(b, 0);
	ap_ref *nodes = ap_builder_at(b, shard->node_stat_blocks);
	ap_ref *functions = ap_builder_at(b, shard->function_stat_blocks);
	ap_ref *threads = ap_builder_at(b, b->hdr->thread_blocks);
	struct ap_hist_dir *dir =
		ap_builder_at(b, ap_builder_function_stat(b, 0, AP_ID_FIRST)->total_rows);

	b->hdr->nodes = AP_MAX_NODES;
	b->hdr->functions = AP_MAX_FUNCTIONS;
	b->hdr->threads = AP_MAX_THREADS;
	b->hdr->shards = AP_MAX_SHARDS;
	for (uint32_t i = 1; i < AP_MAX_SHARDS; i++) {
		b->hdr->shard_refs[i] = b->hdr->shard_refs[0];
	}
	for (uint32_t i = 1; i < AP_NODE_STAT_BLOCKS; i++) {
		nodes[i] = nodes[0];
	}
	for (uint32_t i = 1; i < AP_FUNCTION_STAT_BLOCKS; i++) {
		functions[i] = functions[0];
	}
	for (uint32_t i = 1; i < AP_THREAD_BLOCKS; i++) {
		threads[i] = threads[0];
	}
	for (uint32_t i = 0; i < AP_HIST_ROWS; i++) {
		dir->rows[i] = AP_HIST_COARSE | b->hdr->shard_refs[0];
	}
}

static uint64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

START_TEST(references_to_the_same_block_multiply_nothing)
{
	/* Followed faithfully, this small file would be 10^11 counters. */
	tie_everything_together();
	const uint64_t before = cpu_ns();
	read_it(NULL);
	ck_assert_uint_lt(cpu_ns() - before, 5000000000);
}
END_TEST

static Suite *make_suite(void)
{
	const int n = (int)ap_sample_spools_n;
	Suite *suite = suite_create("profile-damage");
	TCase *header = tcase_create("header"), *records = tcase_create("records"),
	      *any = tcase_create("anywhere");

	tcase_set_timeout(any, 120);
	tcase_add_checked_fixture(header, NULL, teardown);
	tcase_add_checked_fixture(records, NULL, teardown);
	tcase_add_checked_fixture(any, NULL, teardown);
	tcase_add_test(header, every_sample_is_whole);
	tcase_add_test(header, a_foreign_header_is_refused_by_name);
	tcase_add_test(header, impossible_fields_of_the_header_are_refused);
	tcase_add_test(header, a_file_shorter_than_a_header_is_refused);
	tcase_add_test(records, damaged_paths_are_skipped_and_never_loop);
	tcase_add_test(records, what_is_skipped_breaks_the_identity);
	tcase_add_test(records, other_damaged_records_are_noted_by_kind);
	tcase_add_test(records, damaged_chains_of_chunks_end);
	tcase_add_test(records, references_to_the_same_block_multiply_nothing);
	tcase_add_loop_test(any, a_truncated_spool_is_refused_wherever_it_ends, 0, n);
	tcase_add_loop_test(any, a_truncated_spool_that_claims_to_be_whole_is_survived, 0, n);
	tcase_add_loop_test(any, any_byte_of_the_header_may_flip, 0, n);
	tcase_add_loop_test(any, random_damage_anywhere_is_survived, 0, n);
	tcase_add_test(any, a_damaged_past_leaves_a_whole_model);
	suite_add_tcase(suite, header);
	suite_add_tcase(suite, records);
	suite_add_tcase(suite, any);
	return suite;
}

int main(void)
{
	return ap_check_main(make_suite());
}
