# Two commands: `make demo` and `make check`; each sets up what is missing and builds. The rest is for developers.
# Needs git, make, a C compiler and Debian's packages below, which `setup` installs through apt.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

PACKAGES := cmake ninja-build pkg-config gcc clang clang-tidy clang-format libclang-rt-14-dev \
	libdpdk-dev libpcap-dev libzmq3-dev librocksdb-dev libssl-dev libsodium-dev liblua5.4-dev \
	libprotobuf-c-dev protobuf-c-compiler libcyaml-dev libyaml-dev libjansson-dev libmicrohttpd-dev \
	libexpat1-dev libcurl4-openssl-dev libcmocka-dev zlib1g-dev iproute2 curl
CHECK_PACKAGES := tshark valgrind chromium nodejs openssl libxml2-utils gdal-bin
JOBS ?= $(shell nproc)

.PHONY: all setup setup-check build demo check format format-check tidy bench fuzz sim clean help

help:
	@echo 'make demo         build, run a cell of four validators on a drive capture, show what it found'
	@echo 'make check        build and run every test (release, ASan+UBSan, TSan), format and lint checks'
	@echo 'make build        build only; programs in build/release/rsu'
	@echo 'make bench        figures of the packet path, the cell and replay, each beside its baseline'
	@echo 'make fuzz         libFuzzer targets, FUZZ_SECONDS=60 each'
	@echo 'make sim          cells of nodes under faults and lies, SIM_SEEDS=10000 runs of 60 s, SIM_FROM=1 the first'
	@echo 'make format tidy  apply the layout; run clang-tidy'
	@echo 'KEEP=1 make demo  leaves the cell running for a browser and curl'

setup:
	@sh tests/support/setup.sh $(PACKAGES)

setup-check:
	@sh tests/support/setup.sh $(PACKAGES) $(CHECK_PACKAGES)

build: setup
	@[ -f build/release/build.ninja ] || cmake --preset release >/dev/null
	ninja -C build/release -j $(JOBS)

all: build

demo: setup
	@[ -f build/release/build.ninja ] || cmake --preset release >/dev/null
	@echo 'building rsud, rsuctl, obusim'
	@ninja -C build/release -j $(JOBS) rsud rsuctl obusim >build/release/build.log || { tail -n 40 build/release/build.log; exit 1; }
	@bash configs/demo/demo.sh build/release/rsu

check: setup-check
	@bash tests/support/check.sh

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

format-check:
	@git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror

tidy: setup
	@[ -f build/debug/build.ninja ] || cmake --preset debug >/dev/null
	ninja -C build/debug -j $(JOBS) >/dev/null
	bash tests/support/tidy.sh build/debug

bench: build
	@bash tests/bench/bench.sh build/release

FUZZ_SECONDS ?= 60
fuzz: setup
	@[ -f build/fuzz/build.ninja ] || cmake --preset fuzz >/dev/null
	ninja -C build/fuzz -j $(JOBS)
	bash tests/fuzz/fuzz.sh build/fuzz $(FUZZ_SECONDS)

SIM_SEEDS ?= 10000
SIM_FROM ?= 1
sim: setup
	@[ -f build/release/build.ninja ] || cmake --preset release >/dev/null
	@ninja -C build/release -j $(JOBS) vopr sim_small_world >build/release/build.log || { tail -n 40 build/release/build.log; exit 1; }
	@for liar in 3 1; do build/release/tests/sim/sim_small_world $$liar; done
	@build/release/tests/sim/vopr --seeds $(SIM_SEEDS) --from $(SIM_FROM) --jobs $(JOBS) --must
	@build/release/tests/sim/vopr --seeds $$(($(SIM_SEEDS) / 20 + 1)) --from $(SIM_FROM) --validators 4..7 --jobs $(JOBS) --traitors

clean:
	rm -rf build out
