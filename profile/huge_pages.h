/* SPDX-License-Identifier: MIT */
/* profile/huge_pages.h - fewer page faults for large arrays. */
#ifndef AP_PROFILE_HUGE_PAGES_H
#define AP_PROFILE_HUGE_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define AP_HUGE_PAGE ((uintptr_t)2 << 20)

/** ap_advise_huge() - @at, just allocated and not yet touched, is about to be written whole.
 *
 * Only advice, for the huge pages that lie inside: where the kernel has none nothing changes. Most of the time of a
 * large profile's reading went into first touches of its pages where memory is virtualized. */
static inline void ap_advise_huge(void *at, size_t bytes)
{
	const uintptr_t from = ((uintptr_t)at + AP_HUGE_PAGE - 1) & -AP_HUGE_PAGE;
	const uintptr_t end = ((uintptr_t)at + bytes) & -AP_HUGE_PAGE;
	if (from < end) {
		madvise((void *)from, end - from, MADV_HUGEPAGE);
	}
}

#endif
