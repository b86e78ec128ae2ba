/* SPDX-License-Identifier: MIT */
/* after_exec - what a program becomes by exec: linked statically, so that it also runs where there are no libraries. */
#include <unistd.h>

int main(void)
{
	return write(1, "another program\n", 16) == 16 ? 7 : 8;
}
