"""Watch a camera: from its pictures to events while they last."""
