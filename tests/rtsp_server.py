"""An RTSP server of moving pictures, run by the system's Python, which has Debian's GStreamer.

    /usr/bin/python3 tests/rtsp_server.py PORT [--size 640x480] [--rate 25] [--user NAME:PASSWORD]

Serves rtsp://127.0.0.1:PORT/cam until it is killed, and prints `ready` when it answers. The
pictures are a live test pattern; with `--file FILE.mp4`, each client gets that film of H.264 in
real time, which costs no encoding.
"""

import argparse

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def pipeline(options: argparse.Namespace) -> str:
    """What is sent, in GStreamer's language."""
    pay = "rtph264pay name=pay0 pt=96 config-interval=1"
    if options.file:
        return f"filesrc location={options.file} ! qtdemux ! {pay}"
    width, height = options.size.split("x")
    caps = f"video/x-raw,width={width},height={height},framerate={options.rate}/1"
    encoder = f"x264enc tune=zerolatency speed-preset=ultrafast key-int-max={options.rate}"
    return f"videotestsrc is-live=true pattern=ball ! {caps} ! {encoder} ! {pay}"


def protect(server: GstRtspServer.RTSPServer, user: str) -> None:
    """Ask for a name and a password."""
    name, password = user.split(":")
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(name, password), token)
    server.set_auth(auth)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port")
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--rate", type=int, default=25)
    parser.add_argument("--file")
    parser.add_argument("--user")
    options = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {pipeline(options)} )")
    factory.set_shared(not options.file)
    if options.user:
        protect(server, options.user)
        factory.add_role_from_structure(
            Gst.Structure.new_from_string(
                "viewer, media.factory.access=true, media.factory.construct=true"
            )
        )
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
