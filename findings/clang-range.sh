#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# clang leaves out a bounds check that the BPF verifier needs.
#
# A global function is verified by itself: whoever calls it knows nothing of what it returns. clang knows, from its body. So a
# comparison of the result with an array's size, made for the verifier, is not in the program, and the index that follows is
# unbounded for the verifier. clang 16 sees it in this small case; clang 19 notes it at each such function (range(i32 0, 4) in
# its intermediate code) and so sees it in large programs, too. An empty asm that may change the index keeps the comparison.
#
# Takes clang-16 and clang-19 of Debian 12, from a folder of its own unless they are installed. Seen with 16.0.6 and 19.1.7:
# no comparison by either, one by either with the asm; the range by 19 alone. Fails if that changes.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >source.c <<'EOF'
static unsigned long counters[4] __attribute__((section(".data")));

__attribute__((noinline)) int kind(int *x)
{
	return *x > 100 ? 3 : *x > 10 ? 1 : 0;
}

int program(int *x)
{
	unsigned long at = kind(x);

#ifdef HIDDEN
	__asm__ volatile("" : "+r"(at));
#endif
	if (at < 4)
		counters[at]++;
	return 0;
}
EOF

compiler() {
	if command -v "clang-$1" >/dev/null; then
		echo "clang-$1"
		return
	fi
	[[ -d packages ]] || {
		mkdir packages
		(cd packages && apt-get download -qq "clang-$1" "libclang-cpp$1" "libclang-common-$1-dev" "libllvm$1" &&
			for deb in *.deb; do dpkg-deb -x "$deb" "../root-$1"; done) >&2
		rm -rf packages
	}
	echo "env LD_LIBRARY_PATH=$dir/root-$1/usr/lib/x86_64-linux-gnu:$dir/root-$1/usr/lib/llvm-$1/lib" \
		"$dir/root-$1/usr/lib/llvm-$1/bin/clang"
}

# compares VERSION [FLAG]: how many comparisons with the array's size there are
compares() {
	$(compiler "$1") -target bpf -O2 -mcpu=v3 ${2:+"$2"} -S -o - source.c | sed -n '/^program:/,/exit/p' | grep -cE 'if [rw][0-9]+ .* [34] goto' || true
}

# notes_range VERSION
notes_range() {
	$(compiler "$1") -target bpf -O2 -mcpu=v3 -S -emit-llvm -o - source.c | grep -c 'define.* range(i32 0, 4) .*@kind' || true
}

got="16: $(compares 16) $(compares 16 -DHIDDEN) $(notes_range 16); 19: $(compares 19) $(compares 19 -DHIDDEN) $(notes_range 19)"
want="16: 0 1 0; 19: 0 1 1"
echo "comparisons, comparisons with the asm, ranges by clang $got"
[[ $got == "$want" ]] || {
	echo "it was $want" >&2
	exit 1
}
