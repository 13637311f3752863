/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bounds that the kernel's verifier must see. */
#ifndef XCARP_VERIFIER_H
#define XCARP_VERIFIER_H

#include <linux/types.h>

/*
 * Returns index as a number that the compiler knows nothing about. The compiler may know more than the verifier: which
 * constants a separately verified function returns, or the largest value of an enum. Clang drops a comparison that follows
 * from such knowledge, of which 17 and newer have more, and the verifier refuses the program. Pass every computed index through here before
 * it is compared or masked. It is 64 bits wide because of a narrower number clang may compare one copy and use another.
 */
static inline __attribute__((always_inline)) __u64 verifier_unknown(__u64 index)
{
	__asm__ volatile("" : "+r"(index));
	return index;
}

#endif
