# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Everything is built into build/, or with SANITIZE=1 into build/asan/. V=1 shows the commands.

VERSION := 0.1
PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
EXAMPLEDIR ?= $(PREFIX)/share/xcarp
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
SAY = $(if $(V),@:,@printf '  %-7s %s\n')

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror
CFLAGS ?= -O2 -g
HARDENING := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
XCARP_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(WARNINGS) $(if $(SANITIZE),$(SANITIZER),$(HARDENING)) \
	-DXCARP_VERSION='"$(VERSION)"' -Iinclude -Iuser -isystem $(BUILD)
XCARP_LDFLAGS := $(if $(SANITIZE),$(SANITIZER),-pie -Wl,-z,relro,-z,now)
PACKAGES := libxdp libbpf libnl-3.0 libsodium
PACKAGE_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(PACKAGES))
PACKAGE_LIBS = $(shell $(PKG_CONFIG) --libs $(PACKAGES))
BPF_CFLAGS := -O2 -g -mcpu=v3 -Wall -Wextra -Werror -Iinclude -I/usr/include/$(shell gcc -dumpmachine)

CORE := $(patsubst %.c,$(BUILD)/%.o,$(wildcard user/core/*.c))
ENGINE := $(BUILD)/user/engine.o
PROGRAM := $(addprefix $(BUILD)/user/,xcarp.o vrouters.o interfaces.o)
IO := $(patsubst %.c,$(BUILD)/%.o,$(wildcard user/io/*.c))
REFERENCE := $(BUILD)/selftests/reference.o
UNIT_TESTS := $(patsubst selftests/%.c,$(BUILD)/tests/%,$(wildcard selftests/unit/test_*.c))
BPF_TESTS := $(patsubst selftests/%.c,$(BUILD)/tests/%,$(wildcard selftests/bpf/test_*.c))
BPF_TEST_PARTS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(wildcard selftests/bpf/test_*.c),$(wildcard selftests/bpf/*.c))) $(REFERENCE)
SHELL_TESTS := $(wildcard selftests/netns/*.t selftests/interop/*.t)

all: $(BUILD)/xcarp ## the programs, in build/

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(firstword $(MAKEFILE_LIST)) | column -t -s'|'
	@echo '  Variables: V=1, SANITIZE=1, PREFIX, DESTDIR, CC, CLANG, CFLAGS'

$(BUILD)/xcarp.bpf.o: bpf/xcarp.bpf.c $(wildcard bpf/*.h) $(wildcard include/xcarp/*.h) Makefile
	$(SAY) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/xcarp.skel.h: $(BUILD)/xcarp.bpf.o
	$(SAY) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name xcarp_bpf > $@.new && mv $@.new $@

$(BUILD)/%.o: %.c Makefile
	$(SAY) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(XCARP_CFLAGS) $(PACKAGE_CFLAGS) -DVECTORS_DIR='"$(CURDIR)/selftests/vectors"' -MMD -MP -c $< -o $@

$(BUILD)/user/io/dataplane.o $(BPF_TEST_PARTS) $(BPF_TESTS:$(BUILD)/tests/%=$(BUILD)/selftests/%.o): $(BUILD)/xcarp.skel.h

$(BUILD)/xcarp: $(PROGRAM) $(ENGINE) $(CORE) $(IO)
	$(SAY) LD $@
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ $(PACKAGE_LIBS) -o $@

# The core alone: an arrow that ran back into engine or io would fail to link.
$(UNIT_TESTS): $(BUILD)/tests/%: $(BUILD)/selftests/%.o $(REFERENCE) $(CORE)
	$(SAY) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ -o $@

$(BUILD)/tests/unit/test_engine: $(ENGINE)

$(BPF_TESTS): $(BUILD)/tests/%: $(BUILD)/selftests/%.o $(BPF_TEST_PARTS) $(CORE)
	$(SAY) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ $(PACKAGE_LIBS) -o $@

tests: all $(UNIT_TESTS) $(BPF_TESTS) ## the test programs, in build/tests/

check: tests ## all tests, as root
	selftests/run -j 4 $(SHELL_TESTS) $(UNIT_TESTS) $(BPF_TESTS)

$(BUILD)/bench/empty.bpf.o: scripts/bench/empty.bpf.c Makefile
	$(SAY) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/bench/empty.skel.h: $(BUILD)/bench/empty.bpf.o
	$(SAY) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name empty_bpf > $@.new && mv $@.new $@

$(BUILD)/scripts/bench/dataplane.o: $(BUILD)/xcarp.skel.h $(BUILD)/bench/empty.skel.h

$(BUILD)/bench/dataplane: $(BUILD)/scripts/bench/dataplane.o $(BPF_TEST_PARTS) $(CORE)
	$(SAY) LD $@
	$(Q)$(CC) $(CFLAGS) $(XCARP_LDFLAGS) $^ $(PACKAGE_LIBS) -o $@

bench-programs: $(BUILD)/bench/dataplane

bench: all bench-programs ## nanoseconds a packet in the driver, as root
	scripts/bench/dataplane

install: all ## into DESTDIR and PREFIX
	$(INSTALL) -D -m 755 $(BUILD)/xcarp $(DESTDIR)$(SBINDIR)/xcarp
	$(INSTALL) -D -m 644 scripts/xcarp.8 $(DESTDIR)$(MANDIR)/man8/xcarp.8
	$(INSTALL) -D -m 644 scripts/xcarp@.service $(DESTDIR)$(UNITDIR)/xcarp@.service
	$(INSTALL) -D -m 755 scripts/examples/vip-up.sh $(DESTDIR)$(EXAMPLEDIR)/vip-up.sh
	$(INSTALL) -D -m 755 scripts/examples/vip-down.sh $(DESTDIR)$(EXAMPLEDIR)/vip-down.sh
	$(INSTALL) -D -m 644 scripts/examples/xcarp.env $(DESTDIR)$(EXAMPLEDIR)/xcarp.env

uninstall: ## what install put there
	rm -f $(DESTDIR)$(SBINDIR)/xcarp $(DESTDIR)$(MANDIR)/man8/xcarp.8 $(DESTDIR)$(UNITDIR)/xcarp@.service
	rm -f $(DESTDIR)$(EXAMPLEDIR)/vip-up.sh $(DESTDIR)$(EXAMPLEDIR)/vip-down.sh $(DESTDIR)$(EXAMPLEDIR)/xcarp.env
	-rmdir $(DESTDIR)$(EXAMPLEDIR)

clean: ## away with build/
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: all help tests check bench bench-programs install uninstall clean
.DELETE_ON_ERROR:
.SECONDARY:
