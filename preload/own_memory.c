/* SPDX-License-Identifier: MIT */
/* preload/own_memory.c - what compilers call for loops and structures. Hidden: the names may be taken by others, by a
 * sanitizer that would tell the program of our memory, or by an instrumented function of the program's own. */
#include <stddef.h>

/* The compiler must not make a call of the same function out of it. */
#define NO_IDIOM() __asm__ volatile("" ::: "memory")

void *memset(void *memory, int value, size_t bytes);
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *text);

void *memset(void *memory, int value, size_t bytes)
{
#if defined(__x86_64__)
	void *at = memory;
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
#else
	for (size_t i = 0; i < bytes; i++) {
		((char *)memory)[i] = (char)value;
		NO_IDIOM();
	}
#endif
	return memory;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		((char *)to)[i] = ((const char *)from)[i];
		NO_IDIOM();
	}
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	if ((char *)to <= (const char *)from)
		return memcpy(to, from, bytes); /* which goes upwards */
	while (bytes--) {
		((char *)to)[bytes] = ((const char *)from)[bytes];
		NO_IDIOM();
	}
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const unsigned char *x = a, *y = b;

	for (size_t i = 0; i < bytes; i++) {
		if (x[i] != y[i])
			return x[i] - y[i];
		NO_IDIOM();
	}
	return 0;
}

size_t strlen(const char *text)
{
	size_t n = 0;

	while (text[n]) {
		n++;
		NO_IDIOM();
	}
	return n;
}
