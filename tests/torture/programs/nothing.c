/* SPDX-License-Identifier: MIT */
/* nothing - the least that a child can do. */
int main(void)
{
	return 7;
}
