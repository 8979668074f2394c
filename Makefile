# What one can do here. Everything is incremental; `make help` lists it.
#
# COQUINA_BUILD is the folder everything is built in (default: target). A folder outside the checkout may be shared by
# several checkouts and kept between runs.

BUILD   := $(abspath $(or $(COQUINA_BUILD),target))
GUEST   := $(BUILD)/guest
SYSROOT := $(GUEST)/sysroot
WASM    := $(GUEST)/wasm
COQUINA := $(BUILD)/release/coquina
IMAGE   := $(BUILD)/release/image
JOBS    := $(shell nproc)

export CARGO_TARGET_DIR := $(BUILD)
export COQUINA_IMAGE := $(IMAGE)
step = @printf '==> %s\n' '$(1)'

.PHONY: help demo test torture bench dist lint clean setup sysroot tools shell host image

help: ## List what one can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: image ## Set everything up and run the main job on real data
	@examples/demo.sh $(COQUINA)

test: image ## Set everything up and run every test
	@wasm-tools/setup.sh node:nodejs npm:npm python3/ensurepip:python3-venv
	$(call step,testing the shell natively)
	@cd guest && CARGO_TARGET_DIR=$(GUEST)/native cargo test -q
	$(call step,testing the host)
	@cargo test

torture: image ## Kill, crash, cut the power and fill the disk for long (minutes to hours; `make test` has a part)
	@COQUINA_TORTURE=1 cargo test --test torture -- --nocapture

bench: image ## Measure against the native programs; writes versus.json in the build folder
	@wasm-tools/setup.sh wrk:wrk
	@cargo bench --bench versus

dist: image ## Build one file that needs nothing but the C library: the program with its image
	@$(COQUINA) image embed $(BUILD)/dist/coquina $(IMAGE)
	@printf '==> %s\n' $(BUILD)/dist/coquina

lint: ## rustfmt and clippy, warnings are errors
	cargo fmt --check && cd guest && cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cd guest && CARGO_TARGET_DIR=$(GUEST)/native cargo clippy --all-targets -- -D warnings

clean: ## Remove everything that was built
	rm -rf $(BUILD)

setup: ## Install what is missing of the system's packages (as root), or say what is missing
	@wasm-tools/setup.sh

sysroot: setup
	@wasm-tools/sysroot/build.sh $(SYSROOT)

tools: sysroot
	@wasm-tools/build.sh $(WASM) $(SYSROOT)

shell: sysroot
	$(call step,building the shell)
	@cd guest && RUSTC=$(SYSROOT)/bin/rustc CARGO_TARGET_DIR=$(GUEST)/shell \
	  cargo build --quiet --release --target wasm32-wasip1
	@mkdir -p $(WASM) && cp -u $(GUEST)/shell/wasm32-wasip1/release/bash.wasm $(WASM)/bash.wasm

host:
	$(call step,building coquina)
	@cargo build --quiet --release

image: tools shell host ## Build everything: guest toolchain, tools, shell, host and root image
	$(call step,building the root image)
	@$(COQUINA) image build wasm-tools/image.toml $(WASM) $(IMAGE)
