// SPDX-License-Identifier: MIT
// exhaust limit|data|given MIB - allocates until there is nothing left: malloc() returns NULL with ENOMEM, new throws, and
// all goes on when it is freed. The limit is on address space or data, set by the program, or by who started it.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sys/resource.h>

#include "victim.h"

namespace
{

constexpr size_t block_bytes = 64 << 10;
unsigned long mallocs, news, news_failed, smalls;

struct node {
	node *next;
	char rest[block_bytes - sizeof(node *)];
};

extern "C" APART node *by_malloc()
{
	mallocs++;
	errno = 0;
	return static_cast<node *>(malloc(sizeof(node)));
}

extern "C" APART node *by_new()
{
	news++;
	return new node;
}

extern "C" APART void small()
{
	smalls++;
	free(malloc(smalls % 100));
}

UNTRACED unsigned long release(node *list, bool made_by_new)
{
	unsigned long n = 0;
	for (; list; n++) {
		node *next = list->next;
		if (made_by_new)
			delete list;
		else
			free(list);
		list = next;
	}
	return n;
}

extern "C" APART unsigned long until_null(int *ret_errno)
{
	node *list = nullptr;
	while (node *block = by_malloc()) {
		block->next = list;
		list = block;
		small();
	}
	*ret_errno = errno;
	for (int i = 0; i < 20000; i++)
		small(); // what there is no memory for
	return release(list, false);
}

extern "C" APART unsigned long until_thrown()
{
	node *list = nullptr;
	try {
		for (;;) {
			node *block = by_new();
			block->next = list;
			list = block;
		}
	} catch (const std::bad_alloc &) {
		news_failed++;
		for (int i = 0; i < 20000; i++)
			small();
	}
	return release(list, true);
}

UNTRACED bool limit(const char *which, unsigned long mib)
{
	struct rlimit r;
	const auto resource = which[0] == 'l' ? RLIMIT_AS : RLIMIT_DATA;
	if (which[0] == 'g')
		return true;
	getrlimit(resource, &r);
	r.rlim_cur = mib << 20;
	return setrlimit(resource, &r) == 0;
}

} // namespace

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	const unsigned long mib = strtoul(argv[2], nullptr, 10);
	if (!limit(argv[1], mib))
		return 3;
	// All but what the program and a library beside it take. Who knows the limit at its start takes little of it; one
	// that comes later finds the profile's address space taken.
	const unsigned long others = argv[1][0] == 'l' ? 224 : mib / 3;
	const unsigned long fewest = ((mib - others) << 20) / block_bytes;
	for (int round = 0; round < 3; round++) {
		int error = 0;
		const unsigned long n = until_null(&error), m = until_thrown();
		printf("%s, %s; %s: errno %s\n", n >= fewest ? "enough" : "too few",
		       m >= fewest ? "enough" : "too few", round ? "again" : "at first",
		       error == ENOMEM ? "ENOMEM" : "another");
	}
	printf("thrown %lu\n", news_failed);
	SAY_CALLS("main", 1);
	SAY_CALLS("by_malloc", mallocs);
	SAY_CALLS("by_new", news);
	SAY_CALLS("small", smalls);
	return 0;
}
