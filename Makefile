# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Everything is built into build/, or with SANITIZE=1 into build/asan/. V=1 shows the commands.

VERSION := 0.1
PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
EXAMPLEDIR ?= $(PREFIX)/share/xcarp
DOCDIR ?= $(PREFIX)/share/doc/xcarp
INSTALL ?= install
CLANG ?= clang
BPFTOOL ?= $(shell command -v bpftool || echo /usr/sbin/bpftool)
PKG_CONFIG ?= pkg-config

BUILD := build
ifdef SANITIZE
BUILD := build/asan
SANITIZER := -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all
endif
Q := $(if $(V),,@)
SAY = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),@:,@printf '  %-7s %s\n')

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror
CFLAGS ?= -O2 -g
HARDENING := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
PLAIN_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -DXCARP_VERSION='"$(VERSION)"' -Iinclude -Iuser -isystem $(BUILD)
XCARP_CFLAGS := $(PLAIN_CFLAGS) $(if $(SANITIZE),$(SANITIZER),$(HARDENING))
XCARP_LDFLAGS := $(if $(SANITIZE),$(SANITIZER),-pie -Wl,-z,relro,-z,now)
PACKAGES := libxdp libbpf libnl-3.0 libsodium
PACKAGE_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(PACKAGES))
PACKAGE_LIBS = $(shell $(PKG_CONFIG) --libs $(PACKAGES))
BPF_CFLAGS := -O2 -g -mcpu=v3 -Wall -Wextra -Werror -Iinclude -I/usr/include/$(shell gcc -dumpmachine)

CLANGS := $(sort $(notdir $(foreach dir,$(subst :, ,$(PATH)),$(wildcard $(dir)/clang $(dir)/clang-[1-9][0-9]))))
BPF_SOURCES := $(wildcard bpf/*.bpf.c)
BPF_HEADERS := $(wildcard bpf/*.h include/xcarp/*.h)
BPF_ALL := $(foreach clang,$(CLANGS),$(BPF_SOURCES:bpf/%.c=build/$(clang)/%.o))

CORE := $(patsubst %.c,$(BUILD)/%.o,$(wildcard user/core/*.c))
ENGINE := $(patsubst %.c,$(BUILD)/%.o,$(wildcard user/engine/*.c))
PROGRAM := $(filter-out $(BUILD)/user/xcarpctl.o,$(patsubst %.c,$(BUILD)/%.o,$(wildcard user/*.c)))
CTL := $(addprefix $(BUILD)/user/,xcarpctl.o version.o core/request.o core/words.o io/netns.o io/stopped.o) $(patsubst %.c,$(BUILD)/%.o,$(wildcard user/ctl/*.c))
IO := $(patsubst %.c,$(BUILD)/%.o,$(wildcard user/io/*.c))
REFERENCE := $(BUILD)/selftests/reference.o
UNIT_TESTS := $(patsubst selftests/%.c,$(BUILD)/tests/%,$(wildcard selftests/unit/test_*.c))
IO_TESTS := $(patsubst selftests/%.c,$(BUILD)/tests/%,$(wildcard selftests/io/test_*.c))
BPF_TESTS := $(patsubst selftests/%.c,$(BUILD)/tests/%,$(wildcard selftests/bpf/test_*.c))
BPF_TEST_PARTS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(wildcard selftests/bpf/test_*.c selftests/bpf/*.bpf.c),$(wildcard selftests/bpf/*.c))) $(REFERENCE)
BENCH_HELPERS := $(addprefix $(BUILD)/bench/,watch client addresses hog)
TX := $(addprefix $(BUILD)/user/io/,tx.o tx_bpf.o tx_packet.o tx_xsk.o log.o journald.o syslogd.o thread.o)
NETNS_TEST_PROGRAMS := $(BUILD)/tests/netns/tx_frames
PAST_BPF := $(BUILD)/tests/netns/past.bpf.o
SLOW_NETLINK := $(BUILD)/tests/netns/slow_netlink.so
SIM := $(patsubst %.c,$(BUILD)/%.o,$(wildcard selftests/sim/*.c))
SIM_RUNS ?= 5000000
SHELL_TESTS := $(wildcard selftests/netns/*.t selftests/interop/*.t selftests/sim/*.t)

all: $(BUILD)/xcarp $(BUILD)/xcarpctl ## the programs, in build/

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(firstword $(MAKEFILE_LIST)) | column -t -s'|'
	@echo '  Variables: V=1, SANITIZE=1, PREFIX, DESTDIR, CC, CLANG, CFLAGS'

$(BUILD)/%.bpf.o: bpf/%.bpf.c $(BPF_HEADERS) Makefile
	$(SAY) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf $(BPF_CFLAGS) -c $< -o $@

$(BPF_ALL): $(BPF_SOURCES) $(BPF_HEADERS) Makefile
	$(SAY) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(@D:build/%=%) -target bpf $(BPF_CFLAGS) -c bpf/$(@F:.o=.c) -o $@

bpf-all: $(BPF_ALL) ## the BPF programs by each clang on PATH, in build/clang-NN/

$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(SAY) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $(*F)_bpf > $@.new && mv $@.new $@

$(BUILD)/%.o: %.c Makefile
	$(SAY) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(XCARP_CFLAGS) $(PACKAGE_CFLAGS) -DVECTORS_DIR='"$(CURDIR)/selftests/vectors"' -MMD -MP -c $< -o $@

$(BUILD)/user/io/tx_bpf.o $(BUILD)/selftests/bpf/test_send.o: $(BUILD)/send.skel.h

$(BUILD)/user/io/maps.o $(addprefix $(BUILD)/user/io/,program.o xdp.o tc.o) $(BPF_TEST_PARTS) $(BPF_TESTS:$(BUILD)/tests/%=$(BUILD)/selftests/%.o): $(BUILD)/xcarp.skel.h

# libseccomp: jumps, argument masks and what a call is numbered on which machine are more than a program should know by itself.
$(BUILD)/xcarp: $(PROGRAM) $(ENGINE) $(CORE) $(IO)
	$(SAY) LD $@
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ $(PACKAGE_LIBS) $(shell $(PKG_CONFIG) --libs libseccomp) -o $@

# ncurses: terminals, their sizes and keys are more than a program should know by itself.
$(BUILD)/xcarpctl: $(CTL)
	$(SAY) LD $@
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ $(PACKAGE_LIBS) $(shell $(PKG_CONFIG) --libs ncursesw) -o $@

# The core alone: an arrow that ran back into engine or io would fail to link.
$(UNIT_TESTS): $(BUILD)/tests/%: $(BUILD)/selftests/%.o $(REFERENCE) $(CORE)
	$(SAY) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ $(UNIT_LIBS) -o $@

$(BUILD)/tests/unit/test_engine: $(ENGINE)
$(BUILD)/tests/unit/test_plan: $(addprefix $(BUILD)/user/,plan.o keyrings.o loader.o io/host.o io/own.o io/rtnl_message.o io/rtnl_query.o io/loop.o io/secret.o io/thread.o)
$(BUILD)/tests/unit/test_keyrings: $(addprefix $(BUILD)/user/,keyrings.o io/secret.o)
$(BUILD)/tests/unit/test_plan $(BUILD)/tests/unit/test_siphash $(BUILD)/tests/unit/test_keyrings: UNIT_LIBS = $(shell $(PKG_CONFIG) --libs libsodium libnl-3.0)

$(BUILD)/tests/%.bpf.o: selftests/%.bpf.c Makefile
	$(SAY) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/selftests/bpf/rig.o: $(BUILD)/tests/bpf/strip.skel.h
$(BUILD)/selftests/bpf/test_ingress.o: $(BUILD)/tests/bpf/behind.skel.h

# What valgrind cannot follow: processes.
$(BUILD)/tests/io/test_runner: $(addprefix $(BUILD)/user/,plan.o keyrings.o loader.o runner.o take_off.o) \
	$(addprefix $(BUILD)/user/io/,host.o own.o rtnl_message.o rtnl_query.o journald.o log.o loop.o process.o runner.o secret.o syslogd.o thread.o)
$(BUILD)/tests/io/test_log: $(addprefix $(BUILD)/user/io/,journald.o log.o syslogd.o thread.o)

$(BUILD)/tests/io/test_kernel: $(BUILD)/user/io/kernel.o

$(IO_TESTS): $(BUILD)/tests/%: $(BUILD)/selftests/%.o $(CORE)
	$(SAY) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ $(shell $(PKG_CONFIG) --libs libsodium libseccomp libnl-3.0) -o $@

$(BPF_TESTS): $(BUILD)/tests/%: $(BUILD)/selftests/%.o $(BPF_TEST_PARTS) $(CORE)
	$(SAY) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ $(PACKAGE_LIBS) -o $@

# Without io: what the engine wants of the host is simulated.
$(BUILD)/tests/sim/sim: $(SIM) $(ENGINE) $(CORE)
	$(SAY) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ -o $@

$(NETNS_TEST_PROGRAMS): $(BUILD)/tests/%: $(BUILD)/selftests/%.o $(TX) $(CORE)
	$(SAY) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ $(PACKAGE_LIBS) -o $@

# Preloaded into either build.
$(SLOW_NETLINK): selftests/netns/slow_netlink.c Makefile
	$(SAY) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(PLAIN_CFLAGS) -fPIC -shared $< -ldl -o $@

$(PAST_BPF): selftests/netns/past.bpf.c Makefile
	$(SAY) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf $(BPF_CFLAGS) -c $< -o $@

DIFFERENTIAL := $(BUILD)/tests/fuzz/differential
DIFFERENTIAL_PARTS := $(addprefix $(BUILD)/selftests/fuzz/,differential.o judge.o mutate.o routers.o)

$(BUILD)/selftests/fuzz/differential.o: $(BUILD)/xcarp.skel.h

$(DIFFERENTIAL): $(DIFFERENTIAL_PARTS) $(BPF_TEST_PARTS) $(CORE)
	$(SAY) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ $(PACKAGE_LIBS) -o $@

# libFuzzer's targets: the same sources once more, by clang, in build/fuzz/ or, to see what a corpus reaches, in build/coverage/.
# Conversions are gcc's to warn of: clang sees more of them.
FUZZ_DIR := build/$(if $(COVERAGE),coverage,fuzz)
FUZZ_SANITIZER := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_INSTRUMENT := $(if $(COVERAGE),-fprofile-instr-generate -fcoverage-mapping,$(FUZZ_SANITIZER) -fsanitize=fuzzer-no-link)
FUZZ_LINK := $(if $(COVERAGE),-fprofile-instr-generate,$(FUZZ_SANITIZER)) -fsanitize=fuzzer
FUZZ_NAMES := $(patsubst selftests/fuzz/fuzz_%.c,%,$(wildcard selftests/fuzz/fuzz_*.c))
FUZZ_TARGETS := $(addprefix $(FUZZ_DIR)/,$(FUZZ_NAMES))
SECONDS := 60
FRAMES := 1000000
fuzz_parts = $(addprefix $(FUZZ_DIR)/user/,$(addsuffix .o,$(1)))
FUZZ_CORE = $(patsubst %.c,$(FUZZ_DIR)/%.o,$(wildcard user/core/*.c))
FUZZ_JOURNAL = $(call fuzz_parts,ctl/journal ctl/filter ctl/format ctl/json ctl/text core/words)

$(FUZZ_DIR)/%.o: %.c Makefile
	$(SAY) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -O1 -g $(FUZZ_INSTRUMENT) $(filter-out -Wconversion,$(PLAIN_CFLAGS)) $(PACKAGE_CFLAGS) -MMD -MP -c $< -o $@

# The XDP program has the warnings of the BPF target, and frames lie as they come.
$(FUZZ_DIR)/selftests/fuzz/host_program.o: WARNINGS := -Wall -Wextra -Werror -Iselftests/fuzz/host
$(FUZZ_DIR)/selftests/fuzz/host_program.o: FUZZ_INSTRUMENT += -fno-sanitize=alignment
$(FUZZ_DIR)/selftests/fuzz/host_program.o: $(wildcard bpf/*.h bpf/*.c)

$(FUZZ_TARGETS): $(FUZZ_DIR)/%: $(FUZZ_DIR)/selftests/fuzz/fuzz_%.o
	$(SAY) LD $@
	$(Q)$(CLANG) $(FUZZ_LINK) $^ $(PACKAGE_LIBS) -o $@

$(FUZZ_DIR)/options $(FUZZ_DIR)/config $(FUZZ_DIR)/control $(FUZZ_DIR)/keyfile: $(FUZZ_CORE)
$(FUZZ_DIR)/records: $(FUZZ_CORE) $(patsubst %.c,$(FUZZ_DIR)/%.o,$(wildcard user/engine/*.c))
$(FUZZ_DIR)/netlink: $(call fuzz_parts,io/rtnl_message core/vip)
$(FUZZ_DIR)/frames: $(addprefix $(FUZZ_DIR)/selftests/,$(addsuffix .o,fuzz/host_program fuzz/judge fuzz/routers bpf/frames reference)) \
	$(call fuzz_parts,core/auth core/auth_batch core/vip)
$(FUZZ_DIR)/http: $(call fuzz_parts,ctl/http_request)
$(FUZZ_DIR)/filter $(FUZZ_DIR)/journal: $(FUZZ_JOURNAL)
$(FUZZ_DIR)/passfile: $(call fuzz_parts,io/secret)

fuzz: $(FUZZ_TARGETS) $(DIFFERENTIAL) ## the fuzz targets, in build/fuzz/

fuzz-run: fuzz ## each of them for SECONDS, then FRAMES frames against the reference, as root
	FUZZ_SECONDS=$(SECONDS) selftests/fuzz/targets.t
	$(DIFFERENTIAL) --seed 0 --frames $(FRAMES)

fuzz-long: ## the same for half an hour each, and 60 million frames
	$(MAKE) fuzz-run SECONDS=1800 FRAMES=60000000

ifdef COVERAGE
fuzz-coverage: $(FUZZ_TARGETS) ## lines that the corpora reach, by file
	$(Q)for name in $(FUZZ_NAMES); do \
		LLVM_PROFILE_FILE=$(FUZZ_DIR)/$$name.profraw $(FUZZ_DIR)/$$name -runs=0 selftests/fuzz/corpus/$$name \
			2>$(FUZZ_DIR)/$$name.log || { cat $(FUZZ_DIR)/$$name.log; exit 1; }; done
	$(Q)llvm-profdata merge -o $(FUZZ_DIR)/all.profdata $(addsuffix .profraw,$(FUZZ_TARGETS))
	$(Q)llvm-cov report -instr-profile=$(FUZZ_DIR)/all.profdata $(firstword $(FUZZ_TARGETS)) \
		$(addprefix -object ,$(wordlist 2,99,$(FUZZ_TARGETS))) user bpf include
else
fuzz-coverage:
	$(MAKE) COVERAGE=1 fuzz-coverage
endif

tests: all bpf-all $(UNIT_TESTS) $(IO_TESTS) $(BPF_TESTS) $(NETNS_TEST_PROGRAMS) $(SLOW_NETLINK) $(PAST_BPF) $(BUILD)/tests/sim/sim ## the test programs, in build/tests/

sim-long: $(BUILD)/tests/sim/sim ## simulates SIM_RUNS times with new seeds (5,000,000: a quarter of an hour)
	$< --runs $(SIM_RUNS) --first $$(date +%s)000000000

check: tests fuzz ## all tests, as root
	selftests/run -j 4 $(SHELL_TESTS) $(UNIT_TESTS) $(IO_TESTS) $(BPF_TESTS) selftests/fuzz/targets.t $(DIFFERENTIAL)

$(BUILD)/bench/%.bpf.o: scripts/bench/%.bpf.c scripts/bench/watch.h scripts/bench/fresh.h Makefile
	$(SAY) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/scripts/bench/dataplane.o: $(BUILD)/xcarp.skel.h $(BUILD)/bench/empty.skel.h $(BUILD)/bench/fresh.skel.h

$(BUILD)/bench/dataplane: $(BUILD)/scripts/bench/dataplane.o $(BPF_TEST_PARTS) $(CORE)
	$(SAY) LD $@
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ $(PACKAGE_LIBS) -o $@

$(BUILD)/bench/tx $(BUILD)/bench/forge: $(BUILD)/bench/%: $(BUILD)/scripts/bench/%.o $(TX) $(CORE)
	$(SAY) LD $@
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ $(PACKAGE_LIBS) -o $@

$(BUILD)/scripts/bench/watch.o: $(BUILD)/bench/watch.skel.h

$(BENCH_HELPERS): $(BUILD)/bench/%: $(BUILD)/scripts/bench/%.o $(BUILD)/scripts/bench/commands.o
	$(SAY) LD $@
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ $(PACKAGE_LIBS) -o $@

bench-programs: $(BUILD)/bench/dataplane $(BUILD)/bench/tx $(BUILD)/bench/forge $(BUILD)/bench/drop.bpf.o $(BENCH_HELPERS)

bench: ## all benchmarks, as root; bench-NAME for one of scripts/bench/
	scripts/bench/all

bench-%:
	scripts/bench/$*

install: all ## into DESTDIR and PREFIX
	$(INSTALL) -D -m 755 $(BUILD)/xcarp $(DESTDIR)$(SBINDIR)/xcarp
	$(INSTALL) -D -m 755 $(BUILD)/xcarpctl $(DESTDIR)$(SBINDIR)/xcarpctl
	$(INSTALL) -D -m 644 scripts/xcarpctl.8 $(DESTDIR)$(MANDIR)/man8/xcarpctl.8
	$(INSTALL) -D -m 644 scripts/xcarp.8 $(DESTDIR)$(MANDIR)/man8/xcarp.8
	sed -i 's|/usr/local/share/xcarp/|$(EXAMPLEDIR)/|' $(DESTDIR)$(MANDIR)/man8/xcarp.8
	sed 's|@SBINDIR@|$(SBINDIR)|g' scripts/xcarp@.service >$(BUILD)/xcarp@.service
	$(INSTALL) -D -m 644 $(BUILD)/xcarp@.service $(DESTDIR)$(UNITDIR)/xcarp@.service
	$(INSTALL) -D -m 644 doc/hooks.md $(DESTDIR)$(DOCDIR)/hooks.md
	$(INSTALL) -D -m 644 doc/status.schema.json $(DESTDIR)$(DOCDIR)/status.schema.json
	$(INSTALL) -D -m 644 doc/replay.md $(DESTDIR)$(DOCDIR)/replay.md
	$(INSTALL) -D -m 755 scripts/examples/vip-up.sh $(DESTDIR)$(EXAMPLEDIR)/vip-up.sh
	$(INSTALL) -D -m 755 scripts/examples/vip-down.sh $(DESTDIR)$(EXAMPLEDIR)/vip-down.sh
	$(INSTALL) -D -m 644 scripts/examples/xcarp.env $(DESTDIR)$(EXAMPLEDIR)/xcarp.env

uninstall: ## what install put there
	rm -f $(DESTDIR)$(SBINDIR)/xcarpctl $(DESTDIR)$(MANDIR)/man8/xcarpctl.8
	rm -f $(DESTDIR)$(SBINDIR)/xcarp $(DESTDIR)$(MANDIR)/man8/xcarp.8 $(DESTDIR)$(UNITDIR)/xcarp@.service
	rm -f $(DESTDIR)$(EXAMPLEDIR)/vip-up.sh $(DESTDIR)$(EXAMPLEDIR)/vip-down.sh $(DESTDIR)$(EXAMPLEDIR)/xcarp.env
	rm -f $(DESTDIR)$(DOCDIR)/hooks.md $(DESTDIR)$(DOCDIR)/status.schema.json
	-rmdir $(DESTDIR)$(EXAMPLEDIR) $(DESTDIR)$(DOCDIR)

dist: ## a tarball of the last commit, in build/
	@mkdir -p build
	@[ -z "$$(git status --porcelain)" ] || echo 'make dist: what is not committed is not in it' >&2
	git archive --prefix=xcarp-$(VERSION)/ HEAD | gzip -9n >build/xcarp-$(VERSION).tar.gz

deb: ## packages for the Debian or Ubuntu that runs, in build/deb/
	scripts/debian/build $(VERSION)

deb-pair: deb ## the same, and those of a next version, for selftests/vm/packages.t
	scripts/debian/build $(VERSION).1

clean: ## away with build/
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: all help bpf-all tests sim-long fuzz fuzz-run fuzz-long fuzz-coverage check bench bench-programs install uninstall dist deb deb-pair clean
.DELETE_ON_ERROR:
.SECONDARY:
