/* SPDX-License-Identifier: MIT */
/* tests/targets/broken_libelf.c - preloaded into `autoprof`: reading any ELF file crashes, as a
 * hostile one might make it. */
#include <stddef.h>

void *elf_begin(int fd, int command, void *archive);

void *elf_begin(int fd, int command, void *archive)
{
	(void)fd;
	(void)command;
	(void)archive;
	__builtin_trap(); /* raise() would be refused: the reader may send no signals */
}
