################################################################################
#
# gatescan
#
################################################################################

# Version, time and place of the archive come from external.mk; without them
# the download says what is missing.
GATESCAN_VERSION ?= run-source-archive.sh-first

GATESCAN_SITE = $(GATESCAN_DIST)
GATESCAN_SITE_METHOD = file
GATESCAN_SOURCE = gatescan-source-$(GATESCAN_VERSION).tar.gz
GATESCAN_LICENSE = Apache-2.0, BSD-3-Clause, MIT, MPL-2.0
GATESCAN_LICENSE_FILES = LICENSE THIRD-PARTY-LICENSES

GATESCAN_GOMOD = gatescan
GATESCAN_BUILD_TARGETS = cmd/gatescan
GATESCAN_GO_ENV = CGO_ENABLED=0
GATESCAN_LDFLAGS = -s -w -buildid= \
	-X main.version=$(GATESCAN_VERSION) \
	-X main.builtAt=$(GATESCAN_BUILT_AT)

# The group dialout is in Buildroot's skeleton.
define GATESCAN_USERS
	- -1 gpio -1 * - - - GPIO chips, LED and PWM outputs
	gatescan -1 gatescan -1 * /var/lib/gatescan - dialout,gpio turnstile gate
endef

define GATESCAN_INSTALL_CONFIG
	$(INSTALL) -D -m 0644 $(@D)/cmd/gatescan/gatescan.example.toml \
		$(TARGET_DIR)/usr/share/doc/gatescan/gatescan.example.toml
	$(INSTALL) -D -m 0644 $(@D)/systemd/README.md \
		$(TARGET_DIR)/usr/share/doc/gatescan/README.md
	$(INSTALL) -d -m 0755 $(TARGET_DIR)/etc/gatescan
endef
GATESCAN_POST_INSTALL_TARGET_HOOKS += GATESCAN_INSTALL_CONFIG

define GATESCAN_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 -t $(TARGET_DIR)/usr/lib/systemd/system \
		$(@D)/systemd/gatescan.service \
		$(@D)/systemd/gatescan-clock.service \
		$(@D)/systemd/gatescan-clock.socket
	$(INSTALL) -D -m 0755 $(@D)/systemd/gatescan-generator \
		$(TARGET_DIR)/usr/lib/systemd/system-generators/gatescan-generator
	$(INSTALL) -D -m 0644 $(@D)/systemd/70-gatescan.rules \
		$(TARGET_DIR)/usr/lib/udev/rules.d/70-gatescan.rules
endef

define GATESCAN_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(@D)/systemd/S60gatescan \
		$(TARGET_DIR)/etc/init.d/S60gatescan
endef

# What the kernel must have for units, udev rules, device trees and the card;
# kernel.table says what for. An option of the table that is a module stays
# one where a module will do.
GATESCAN_KERNEL_TABLE = $(GATESCAN_PKGDIR)/kernel.table
GATESCAN_KERNEL_BUILTIN = $(shell sed -n 's/^\(CONFIG_[A-Z0-9_]*\) y \* .*/\1/p' $(GATESCAN_KERNEL_TABLE))
GATESCAN_KERNEL_MODULES = $(shell sed -n 's/^\(CONFIG_[A-Z0-9_]*\) m \* .*/\1/p' $(GATESCAN_KERNEL_TABLE))

define GATESCAN_LINUX_CONFIG_FIXUPS
	$(foreach option,$(GATESCAN_KERNEL_BUILTIN),
		$(call KCONFIG_SET_OPT,$(option),y)
	)
	$(foreach option,$(GATESCAN_KERNEL_MODULES),
		$(call KCONFIG_ENABLE_OPT,$(option))
	)
endef

$(eval $(golang-package))
