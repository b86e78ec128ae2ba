/* SPDX-License-Identifier: MIT */
/* throw_across.h - what throw_across.cc and its two libraries share. */
#ifndef AP_TORTURE_THROW_ACROSS_H
#define AP_TORTURE_THROW_ACROSS_H

struct Ball {
	int level;
};

void seen_throw(int levels);
void seen_pass(void (*function)(void));
void seen_catch(void (*function)(void));
void unseen_throw(int levels);
void unseen_pass(void (*function)(void));
void unseen_catch(void (*function)(void));

#endif
