# assay: GNU make, a C11 compiler, nothing else. Compiles on all processors unless -j says otherwise.
#
#   make            build/assay                 make test     all tests, ends with "N passed, N failed"
#   make demo       the study in miniature      make check    test, and the rules of the house
#   make static     one static binary           make asan     the tests under ASan and UBSan
#   make fuzz       the fuzz targets, with clang: build/fuzz/f/fuzz_tar CORPUS
#   make check-bits one hash over compilers, levels, instruction sets, threads, batches, other CPUs
#   make generate   rewrite the embedded text files      make help    every target
#   make install    into PREFIX, below DESTDIR           make uninstall
#   make lib        build/libassay.a, libassay.so and assay.pc, for programs that include assay.h
#   make dist       the source archive and its SHA-256
#   make course     from an image's bytes to the final number, in eleven chapters; CHAPTER=4 checks your answers
#
# Variables: CC, CFLAGS, BUILD (output folder), OMP= (build without OpenMP), WERROR=1,
# ROOMS="tensor/base data" (build and test some rooms alone, which also proves the layering).

# BSD make runs the command in the next line, which to GNU make is an unset variable.
_ := ${:!echo 'assay: wanted GNU make; on this system it is probably called gmake' >&2!}

# Compiles side by side where nobody asked for a number of jobs. Before 4.4, GNU make hides -j while it reads this file:
# a number on its command line has the last word, one in the environment (a make above, a packager) is seen here.
ifeq ($(findstring j,$(shell printf %s "$$MAKEFLAGS"))$(filter clean,$(MAKECMDGOALS)),)
MAKEFLAGS += -j$(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
endif

CC      ?= cc
BUILD   ?= build
OPT     ?= -O2
CSTD    ?= -std=c11
WARN    ?= -Wall -Wextra -Wpedantic -Wshadow -Wconversion
# No path of this machine in what is built: two folders give one binary.
PREFIX_MAP := $(shell printf 'int main(void){return 0;}' | $(CC) -ffile-prefix-map=a=b -x c - -o /dev/null 2>/dev/null && echo '-ffile-prefix-map=$(CURDIR)=.')
# One set of objects for the binary, libassay.a and libassay.so, which shows what eval/assay.h declares and no more.
PIC     := -fPIC -fvisibility=hidden
# Asked once: ?= alone would ask the compiler again for every object.
ifeq ($(origin OMP),undefined)
OMP     := $(shell printf 'int main(void){return 0;}' | $(CC) -fopenmp -x c - -o /dev/null 2>/dev/null && echo -fopenmp)
endif
CFLAGS  ?= -g
PREFIX  ?= /usr/local

ALL_CFLAGS = $(CSTD) $(OPT) $(WARN) $(if $(WERROR),-Werror) -ffp-contract=off $(OMP) $(PIC) $(PREFIX_MAP) -I. $(CFLAGS) $(SAN)
# No function needs more stack: threads of small ones (musl's have 128 KiB) run everything. Sanitizers widen frames.
FRAME    = $(if $(SAN),,-Wframe-larger-than=16384)
ALL_LDFLAGS = $(OMP) $(SAN) $(LDFLAGS)

ROOMS   ?= tensor/base tensor nn models weights data eval
# A room is a folder with all its sub-folders; "tensor" leaves out tensor/base, which is a room of its own.
DIRS    := $(sort $(foreach r,$(ROOMS),$(filter-out $(if $(filter tensor,$(r)),tensor/base tensor/base/%),\
             $(r) $(patsubst %/,%,$(wildcard $(r)/*/ $(r)/*/*/)))))
LIB_SRC := $(sort $(foreach d,$(DIRS),$(wildcard $(d)/*.c)))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/o/%.o)
TOOL_SRC := $(sort $(wildcard tools/*.c))
TOOL_OBJ := $(TOOL_SRC:%.c=$(BUILD)/o/%.o)
TEST_SRC := $(sort $(wildcard tests/unit/test_*.c))
TESTS   := $(TEST_SRC:tests/unit/%.c=$(BUILD)/t/%)

.PHONY: all test test-programs check demo course static asan asan-programs fuzz fuzzers help clean install uninstall dist lib check-layers check-house check-generated generate \
        check-bits check-bits-ci FORCE

all: $(BUILD)/assay

$(BUILD)/assay: $(TOOL_OBJ) $(BUILD)/libassay.a
	$(CC) $(TOOL_OBJ) $(BUILD)/libassay.a $(ALL_LDFLAGS) -lm -o $@

$(BUILD)/libassay.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $(LIB_OBJ)

ABI     := $(shell sed -n 's/^.define AS_ABI \([0-9]*\).*/\1/p' tensor/base/release.h)
SO      := libassay.so.$(ABI)
lib: $(BUILD)/libassay.a $(BUILD)/$(SO) $(BUILD)/assay.pc
$(BUILD)/$(SO): $(BUILD)/libassay.a
	$(CC) -shared -Wl,-soname,$(SO) -Wl,--whole-archive $(BUILD)/libassay.a -Wl,--no-whole-archive $(ALL_LDFLAGS) -lm -o $@

# The commit stands in every record. The stamp changes only when the commit does.
# In an unpacked archive tools/version.c says it; a repository around that folder has no say.
COMMIT := $(shell if [ -e .git ]; then git describe --always --dirty --abbrev=12 --exclude '*'; \
            else sed -n 's/^static const char archived.. = "\([0-9a-f]\{12\}\).*/\1/p' tools/version.c; fi 2>/dev/null)
COMMIT := $(or $(COMMIT),unknown)
$(TOOL_OBJ): ALL_CFLAGS += -DAS_COMMIT='"$(COMMIT)"'
$(TOOL_OBJ): $(BUILD)/commit
$(BUILD)/commit: FORCE
	@mkdir -p $(@D); echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@
FORCE:

$(BUILD)/o/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(FRAME) -MMD -MP -c $< -o $@

# A test is one file with its own main; it sees every header and links the rooms that ROOMS names.
$(BUILD)/t/%: tests/unit/%.c $(BUILD)/harness.o $(BUILD)/libassay.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ $< $(BUILD)/harness.o $(BUILD)/libassay.a $(ALL_LDFLAGS) -lm -o $@
$(BUILD)/harness.o: tests/harness.c tests/harness.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c $< -o $@

# The cells of check-bits that one build can run.
$(BUILD)/bits: tests/bits.c $(BUILD)/libassay.a
	$(CC) $(ALL_CFLAGS) $< $(BUILD)/libassay.a $(ALL_LDFLAGS) -lm -o $@

# The course (tests/course): lists its chapters, or checks the answers to one.
$(BUILD)/course-check: tests/course/answers.c $(BUILD)/libassay.a
	$(CC) $(ALL_CFLAGS) $< $(BUILD)/libassay.a $(ALL_LDFLAGS) -lm -o $@
course: $(BUILD)/assay $(BUILD)/course-check
	@BUILD=$(BUILD) sh tests/course/course.sh $(CHAPTER)

# Everything that a test needs, not run yet.
test-programs: $(BUILD)/assay $(BUILD)/course-check $(TESTS)

test: test-programs
	@BUILD=$(BUILD) sh tests/run.sh

demo: $(BUILD)/assay
	$(BUILD)/assay demo -o $(BUILD)/demo

check: test check-layers check-house check-generated

ASAN = $(MAKE) BUILD=$(BUILD)/asan OMP= CFLAGS='-g -O1' SAN='-fsanitize=address,undefined -fno-sanitize-recover=all'
asan:
	$(ASAN) test
asan-programs:
	$(ASAN) test-programs

fuzz:
	$(MAKE) BUILD=$(BUILD)/fuzz CC=clang OMP= CFLAGS='-g -O1' SAN='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' fuzzers

fuzzers: $(patsubst tests/fuzz/%.c,$(BUILD)/f/%,$(wildcard tests/fuzz/fuzz_*.c))

$(BUILD)/f/%: tests/fuzz/%.c $(BUILD)/libassay.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $< $(BUILD)/libassay.a $(ALL_LDFLAGS) -lm -o $@

static:
	$(MAKE) BUILD=$(BUILD)/static OMP= LDFLAGS=-static all

check-layers:
	@sh tests/check-layers.sh

# Circles, symbols, sizes, names, citations, format: tests/check-house.sh says what is wanted.
check-house: $(BUILD)/assay
	@BUILD=$(BUILD) sh tests/check-house.sh

# Text that the binary carries is kept as plain files and embedded by committed arrays.
generate:
	@sh tests/generate.sh write
check-generated:
	@sh tests/generate.sh check

# The same features, bit for bit, from every build (tests/check-bits.sh says which).
check-bits:
	@BUILD=$(BUILD) sh tests/check-bits.sh full
check-bits-ci:
	@BUILD=$(BUILD) sh tests/check-bits.sh ci

# What install leaves below PREFIX, all of it, and uninstall takes away. The texts are written by a binary of this
# machine: where CC compiles for another one, HOSTCC builds it in $(BUILD)/host, and nothing of the target is run.
HOSTCC  ?= cc
SAME    := $(filter $(shell $(CC) -dumpmachine 2>/dev/null),$(shell $(HOSTCC) -dumpmachine 2>/dev/null))
WRITER  := $(if $(SAME),$(BUILD)/assay,$(BUILD)/host/assay)
MAN     = share/man/man1/assay.1
BASH    = share/bash-completion/completions/assay
ZSH     = share/zsh/site-functions/_assay
FISH    = share/fish/vendor_completions.d/assay.fish
MINIATURES := $(patsubst weights/%,share/assay/%,$(wildcard weights/miniature/*.safetensors))
LIBRARY = include/assay.h lib/libassay.a lib/$(SO) lib/libassay.so lib/pkgconfig/assay.pc
INSTALLED = bin/assay $(LIBRARY) $(MAN) $(BASH) $(ZSH) $(FISH) $(MINIATURES)
into    = $(DESTDIR)$(PREFIX)

ifneq ($(WRITER),$(BUILD)/assay)
$(WRITER): FORCE
	$(MAKE) BUILD=$(BUILD)/host CC=$(HOSTCC) LDFLAGS= SAN= all
endif

$(BUILD)/assay.pc: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$(PREFIX)' 'Name: assay' 'Description: self-supervised vision models, measured' \
	  'Version: $(VERSION)' 'Cflags: -I$${prefix}/include' 'Libs: -L$${prefix}/lib -lassay' \
	  'Libs.private: $(strip $(OMP) -lm)' >$@

install: $(BUILD)/assay $(WRITER) lib
	@for f in $(INSTALLED); do install -d "$(into)/$${f%/*}" || exit 1; done
	install -m 755 $(BUILD)/assay $(into)/bin/assay
	install -m 644 eval/assay.h $(into)/include/assay.h
	install -m 644 $(BUILD)/libassay.a $(BUILD)/$(SO) $(into)/lib
	ln -sf $(SO) $(into)/lib/libassay.so
	install -m 644 $(BUILD)/assay.pc $(into)/lib/pkgconfig/assay.pc
	$(WRITER) info --man >$(into)/$(MAN)
	$(WRITER) info --completion bash >$(into)/$(BASH)
	$(WRITER) info --completion zsh >$(into)/$(ZSH)
	$(WRITER) info --completion fish >$(into)/$(FISH)
	@for f in $(MINIATURES); do install -m 644 "weights/$${f#share/assay/}" "$(into)/$$f" || exit 1; done

uninstall:
	cd $(into) && rm -f $(INSTALLED)
	-@[ -z "$(MINIATURES)" ] || rmdir $(into)/share/assay/miniature $(into)/share/assay 2>/dev/null

# The source archive of the commit, the same bytes wherever it is made, and its SHA-256.
VERSION := $(shell sed -n 's/^.define AS_VERSION "\(.*\)"/\1/p' tensor/base/release.h)
dist:
	@mkdir -p $(BUILD)
	git archive --format=tar --prefix=assay-$(VERSION)/ HEAD | gzip -9n >$(BUILD)/assay-$(VERSION).tar.gz
	@cd $(BUILD) && sha256sum assay-$(VERSION).tar.gz | tee assay-$(VERSION).tar.gz.sha256

help:
	@sed -n '/^#   make/p' Makefile

clean:
	rm -rf $(BUILD)

-include $(LIB_OBJ:.o=.d) $(TOOL_OBJ:.o=.d) $(TESTS:=.d)
