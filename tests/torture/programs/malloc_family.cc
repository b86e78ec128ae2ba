/* SPDX-License-Identifier: MIT */
/* malloc_family - every function that gives memory, with every odd argument: what it returns, errno, how large and how
 * aligned the block is, and what malloc knows of the heap: all as alone, since the library asks for no memory of the
 * program's. */
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <initializer_list>
#include <malloc.h>
#include <new>

#include "victim.h"

#define HIDDEN(x) (*(volatile size_t *)&(x)) /* the compiler must not know better */

static size_t huge = PTRDIFF_MAX, half = SIZE_MAX / 2 + 2, none = 0;
static unsigned long blocks;

static APART void said(const char *what, const void *block, size_t wanted)
{
	const uintptr_t at = (uintptr_t)block;

	printf("%s(%zu): %s, errno %d", what, wanted, block ? "a block" : "none", errno);
	if (block)
		printf(", usable %zu, aligned %d %d %d", malloc_usable_size((void *)block),
		       at % 16 == 0, at % 64 == 0, at % 4096 == 0);
	printf("\n");
	errno = 0;
	blocks++;
}

static APART void give(const char *what, void *block, size_t wanted)
{
	said(what, block, wanted);
	free(block);
}

static APART void sizes(void)
{
	for (size_t size : {0, 1, 24, 25, 100, 1000, 4096, 100000, 200000, 1 << 22}) {
		give("malloc", malloc(HIDDEN(size)), size);
		give("calloc", calloc(HIDDEN(size), 3), size);
		give("realloc", realloc(NULL, HIDDEN(size)), size);
		give("valloc", valloc(HIDDEN(size)), size);
		give("pvalloc", pvalloc(HIDDEN(size)), size);
		give("memalign", memalign(64, HIDDEN(size)), size);
		give("aligned_alloc", aligned_alloc(4096, HIDDEN(size)), size);
	}
}

static APART void too_much(void)
{
	give("malloc", malloc(HIDDEN(huge)), huge);
	give("calloc", calloc(HIDDEN(half), 2), half);
	give("calloc", calloc(HIDDEN(huge), HIDDEN(huge)), huge);
	give("reallocarray", reallocarray(NULL, HIDDEN(half), 2), half);
	give("memalign", memalign(HIDDEN(huge), 1), 1);
	give("aligned_alloc", aligned_alloc(64, HIDDEN(huge)), huge);
	give("valloc", valloc(HIDDEN(huge)), huge);
	void *volatile kept = malloc(10);
	give("realloc, refused", realloc(kept, HIDDEN(huge)), huge);
	give("realloc, kept", kept, 10);
}

static APART void odd(void)
{
	void *block = &block;

	for (size_t alignment : {0, 3, 4, 8, 24, 64, 4096}) {
		block = NULL;
		const int result = posix_memalign(&block, HIDDEN(alignment), 100);
		printf("posix_memalign(%zu): %d\n", alignment, result);
		give("posix_memalign", block, alignment);
	}
	printf("posix_memalign, too much: %d\n", posix_memalign(&block, 64, HIDDEN(huge)));
	void *gone = realloc(malloc(100), HIDDEN(none));
	said("realloc to nothing", gone, none);
	void *grown = realloc(malloc(100), 300000);
	grown = realloc(grown, 50);
	give("realloc, there and back", grown, 50);
	free(NULL);
	printf("malloc_usable_size of nothing: %zu\n", malloc_usable_size(NULL));
	for (const char *name : {"free_sized", "free_aligned_sized", "cfree", "malloc_info"})
		printf("%s: %s\n", name, dlsym(RTLD_DEFAULT, name) ? "there" : "not there");
	errno = 0;
}

struct alignas(128) aligned {
	char text[200];
};

static APART void in_cc(void)
{
	int caught = 0;

	void *block = operator new(HIDDEN(none));
	said("new", block, none);
	operator delete(block);
	block = operator new(100, std::align_val_t(256));
	printf("new, aligned: %d\n", (uintptr_t)block % 256 == 0);
	operator delete(block, std::align_val_t(256));
	block = operator new(HIDDEN(huge), std::nothrow);
	said("new, nothrow", block, huge);
	try {
		block = operator new(HIDDEN(huge));
	} catch (const std::bad_alloc &) {
		caught++;
	}
	try {
		block = operator new[](HIDDEN(huge), std::align_val_t(64));
	} catch (const std::bad_alloc &) {
		caught++;
	}
	aligned *several = new aligned[3];
	printf("caught %d, new[]: aligned %d\n", caught, (uintptr_t)several % 128 == 0);
	delete[] several;
	errno = 0;
}

static UNTRACED void say_heap(const char *when)
{
	const struct mallinfo2 info = mallinfo2();

	printf("%s: arena %zu, in use %zu, free chunks %zu, mapped %zu in %zu\n", when, info.arena,
	       info.uordblks, info.ordblks, info.hblkhd, info.hblks);
}

int main()
{
	errno = 0;
	say_heap("at main");
	sizes();
	too_much();
	odd();
	in_cc();
	say_heap("at the end");
	SAY_CALLS("main", 1);
	SAY_CALLS("sizes", 1);
	SAY_CALLS("too_much", 1);
	SAY_CALLS("odd", 1);
	SAY_CALLS("in_cc", 1);
	SAY_CALLS("said", blocks);
	return 0;
}
