# source-archive.sh writes release.mk beside the archive: GATESCAN_VERSION and GATESCAN_BUILT_AT. It must not be included by
# gatescan.mk: Buildroot takes the name of a package from the directory of the file that was included last.
GATESCAN_DIST = $(abspath $(BR2_EXTERNAL_GATESCAN_PATH)/../dist)
-include $(GATESCAN_DIST)/buildroot/release.mk

include $(sort $(wildcard $(BR2_EXTERNAL_GATESCAN_PATH)/package/*/*.mk))
