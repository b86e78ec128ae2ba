/* SPDX-License-Identifier: MIT */
/* tests/support/profile_fixture.c - see profile_fixture.h. */
#include "tests/support/profile_fixture.h"

#include "tests/support/model_check.h"

struct ap_builder *b;
struct ap_profile *p;
uint32_t thread;

void ap_fixture_setup(void)
{
	b = ap_builder_new();
	ap_builder_module(b, 0x400000, 0x500000, "/usr/bin/victim");
	thread = ap_builder_thread(b, 1, "main");
	p = NULL;
}

void ap_fixture_teardown(void)
{
	p = ap_profile_free(p);
	b = ap_builder_free(b);
}

const struct ap_profile *ap_fixture_read(void)
{
	struct ap_profile_error error;
	size_t size;
	const void *bytes = ap_builder_bytes(b, &size);

	p = ap_profile_free(p);
	ck_assert_msg(ap_profile_parse(bytes, size, NULL, &p, &error) == 0, "%s", error.text);
	const char *wrong = ap_model_check(p);
	ck_assert_msg(!wrong, "%s", wrong);
	ck_assert(p->quality.identity_holds);
	return p;
}

uint64_t ap_fixture_down(unsigned frames)
{
	return SP - 64 * (uint64_t)frames;
}

void ap_fixture_enter(uint64_t function, uint64_t at, unsigned depth)
{
	ap_builder_event(b, thread, AP_EVENT_ENTER, function, T0 + at, ap_fixture_down(depth));
}

void ap_fixture_exit(uint64_t function, uint64_t at, unsigned depth)
{
	ap_builder_event(b, thread, AP_EVENT_EXIT, function, T0 + at, ap_fixture_down(depth));
}

uint32_t ap_fixture_node(uint64_t address)
{
	return ap_builder_node(b, AP_ID_ROOT, ap_builder_function(b, address, 1));
}

const struct ap_profile_function *ap_fixture_function(uint64_t address)
{
	const struct ap_profile_function *found = NULL;

	for (size_t i = AP_ID_FIRST; i < p->functions_n; i++) {
		if (p->functions[i].address == address) {
			ck_assert_msg(!found, "two functions at %llx", (unsigned long long)address);
			found = &p->functions[i];
		}
	}
	ck_assert_msg(found, "no function at %llx", (unsigned long long)address);
	return found;
}

void ap_fixture_expect(uint64_t address, uint64_t calls, uint64_t total, uint64_t self)
{
	const struct ap_profile_function *f = ap_fixture_function(address);

	ck_assert_uint_eq(f->calls, calls);
	ck_assert_uint_eq(f->total_ns, total);
	ck_assert_uint_eq(f->self_ns, self);
	ck_assert_uint_eq(f->total.count, f->timed_calls);
	ck_assert_uint_eq(f->self.count, f->timed_calls);
}
